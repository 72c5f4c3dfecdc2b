import { isDeepStrictEqual } from 'node:util';
import type { ResolvedRetention } from '../engine/job-control-engine.interface.js';
import type { ResolvedJobOptions } from '../engine/job-engine.interface.js';
import { InvalidOptionsError, refuseOptions } from '../errors/invalid-options.error.js';
import type { QueueOptions } from '../interfaces/register-queue.interface.js';
import type { TransactionMode } from '../interfaces/transaction.interface.js';
import { readShape, type Shape } from '../utils/shape.js';
import { oneOf, plainText } from '../utils/checks.js';
import { resolveDefaultJobOptions } from './job-options.js';
import { resolveRetention } from './retention.js';

// the defaults are resolved on their own, over the module's
const QUEUE_OPTIONS: Shape<{ defaultJobOptions: unknown; retention: ResolvedRetention; transaction: TransactionMode }> =
  {
    defaultJobOptions: (value) => value,
    retention: resolveRetention,
    transaction: oneOf('auto', 'required', 'never'),
  };

/**
 * Each queue's job defaults and other options, as `registerQueue()` gave them.
 *
 * - A queue that was not registered, or without defaults, has the module's.
 * - Always the same frozen object for a queue: jobs are grouped by it.
 */
export class QueueRegistry {
  readonly #moduleDefaults: ResolvedJobOptions;
  readonly #defaults = new Map<string, ResolvedJobOptions>();
  readonly #retentions = new Map<string, ResolvedRetention>();
  readonly #modes = new Map<string, TransactionMode>();

  constructor(moduleDefaults: ResolvedJobOptions) {
    this.#moduleDefaults = moduleDefaults;
  }

  /**
   * Registering again is fine unless it brings other defaults: several modules may inject one queue.
   *
   * @throws InvalidOptionsError
   */
  register(name: unknown, options: QueueOptions): void {
    const queue = plainText(name, 'name', refuseOptions('PgQueueModule.registerQueue()'));
    const subject = `PgQueueModule.registerQueue('${queue}')`;
    const read = readShape(options, '', QUEUE_OPTIONS, refuseOptions(subject));
    if (read.retention !== undefined) this.#keep(queue, read.retention, subject);
    if (read.transaction !== undefined) this.#join(queue, read.transaction, subject);
    if (read.defaultJobOptions === undefined) return;
    const defaults = resolveDefaultJobOptions(
      read.defaultJobOptions,
      'defaultJobOptions',
      refuseOptions(subject),
      this.#moduleDefaults,
    );
    const earlier = this.#defaults.get(queue);
    if (earlier !== undefined && !isDeepStrictEqual(earlier, defaults)) {
      throw new InvalidOptionsError(
        'defaultJobOptions',
        `${subject}: the queue is registered twice with different defaultJobOptions; give them in one place and register it elsewhere by name alone`,
      );
    }
    if (earlier === undefined) this.#defaults.set(queue, defaults);
  }

  /** What was said of how long finished jobs are kept, by queue. */
  get retentions(): ReadonlyMap<string, ResolvedRetention> {
    return this.#retentions;
  }

  #keep(queue: string, retention: ResolvedRetention, subject: string): void {
    const earlier = this.#retentions.get(queue);
    if (earlier !== undefined && !isDeepStrictEqual(earlier, retention)) {
      throw new InvalidOptionsError('retention', `${subject}: the queue is registered twice with different retention`);
    }
    this.#retentions.set(queue, retention);
  }

  #join(queue: string, mode: TransactionMode, subject: string): void {
    const earlier = this.#modes.get(queue);
    if (earlier !== undefined && earlier !== mode) {
      throw new InvalidOptionsError(
        'transaction',
        `${subject}: the queue is registered twice, as '${earlier}' and '${mode}'`,
      );
    }
    this.#modes.set(queue, mode);
  }

  /** Whether its jobs join the transaction that is open around them. */
  transactionFor(queue: string): TransactionMode {
    return this.#modes.get(queue) ?? 'auto';
  }

  defaultsFor(queue: string): ResolvedJobOptions {
    return this.#defaults.get(queue) ?? this.#moduleDefaults;
  }
}
