import { refuseJob } from '../errors/invalid-job.error.js';
import type { CarriedValues } from '../interfaces/carried-values.interface.js';
import type { CarryOptions } from '../interfaces/carry-options.interface.js';
import { type JobHandler, type ProcessorDefinition, withHandlers } from '../runtime/processor-definition.js';
import type { DataLimits } from '../utils/json-inspection.js';
import type { Refuse } from '../utils/shape.js';
import { toStoredJson } from '../utils/stored-json.js';
import { loadClsCarrier } from './cls-carrier.js';
import type { ContextCarrier } from './context-carrier.interface.js';
import { storeCarrier } from './store-carrier.js';

/**
 * What jobs take along from around their `add()` to their handlers.
 *
 * - What is carried is stored as JSON, and refused as a job's data would be: nothing is lost in silence.
 * - A handler sees what its job carries, and nothing of the context in which the worker was started or another job was added.
 */
export class CarriedContext {
  readonly #carriers: readonly ContextCarrier[];
  readonly #limits: DataLimits;

  constructor(carriers: readonly ContextCarrier[], limits: DataLimits) {
    this.#carriers = carriers;
    this.#limits = limits;
  }

  /** @throws InvalidOptionsError; resolves to undefined where nothing is to be carried. */
  static async load(
    options: CarryOptions | undefined,
    limits: DataLimits,
    refuse: Refuse,
  ): Promise<CarriedContext | undefined> {
    if (options === undefined) return undefined;
    const { cls, stores } = options;
    const carriers: ContextCarrier[] = [];
    if (cls !== undefined) carriers.push(await loadClsCarrier(cls, refuse));
    if (stores !== undefined) carriers.push(storeCarrier(stores));
    return carriers.length === 0 ? undefined : new CarriedContext(carriers, limits);
  }

  /** @throws InvalidJobError for what cannot be stored, as `carry.cls.tenantId`. Undefined when there is nothing. */
  capture(): CarriedValues | undefined {
    let values: Record<string, Record<string, unknown>> | undefined;
    for (const carrier of this.#carriers) {
      const { name } = carrier;
      for (const [key, value] of Object.entries(carrier.capture())) {
        const json = toStoredJson(value, this.#limits, `carry.${name}.${key}`, refuseJob);
        ((values ??= {})[name] ??= {})[key] = JSON.parse(json);
      }
    }
    return values;
  }

  /** The same processor, whose handlers run with what their job carries. */
  into(definition: ProcessorDefinition): ProcessorDefinition {
    return withHandlers(definition, (handler) => this.#around(handler));
  }

  #around(handler: JobHandler): JobHandler {
    return {
      ...handler,
      run: (job, run) => this.#run(run.claimed.options?.carried, () => handler.run(job, run)),
    };
  }

  #run<T>(carried: CarriedValues | undefined, handler: () => T): T {
    return this.#carriers.reduce<() => T>(
      (inner, carrier) => () => carrier.run(carried?.[carrier.name] ?? {}, inner),
      handler,
    )();
  }
}
