import { isDeepStrictEqual } from 'node:util';
import type { ResolvedRetention } from '../engine/job-control-engine.interface.js';
import type { ResolvedJobOptions } from '../engine/job-engine.interface.js';
import { InvalidOptionsError, refuseOptions } from '../errors/invalid-options.error.js';
import type { QueueContract } from '../interfaces/queue-contract.interface.js';
import type { QueueOptions } from '../interfaces/register-queue.interface.js';
import type { TransactionMode } from '../interfaces/transaction.interface.js';
import { readShape, type Shape } from '../utils/shape.js';
import { oneOf, plainText } from '../utils/checks.js';
import { contract, isContract, isSameContract } from '../utils/queue-contract.js';
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
 * Each queue's job defaults, contract and other options, as `registerQueue()` gave them.
 *
 * - A queue that was not registered, or without defaults, has the module's.
 * - Always the same frozen object for a queue: jobs are grouped by it.
 */
export class QueueRegistry {
  readonly #moduleDefaults: ResolvedJobOptions;
  readonly #defaults = new Map<string, ResolvedJobOptions>();
  readonly #contracts = new Map<string, QueueContract>();
  readonly #retentions = new Map<string, ResolvedRetention>();
  readonly #modes = new Map<string, TransactionMode>();

  constructor(moduleDefaults: ResolvedJobOptions) {
    this.#moduleDefaults = moduleDefaults;
  }

  /**
   * Registering again is fine unless it brings other defaults or another contract: several modules may inject one queue.
   *
   * @throws InvalidOptionsError
   */
  register(of: unknown, options: QueueOptions): void {
    const refuse = refuseOptions('PgQueueModule.registerQueue()');
    const agreed = isContract(of) ? contract(of, '', refuse) : undefined;
    const queue = agreed?.name ?? plainText(of, 'name', refuse);
    const subject = `PgQueueModule.registerQueue('${queue}')`;
    const read = readShape(options, '', QUEUE_OPTIONS, refuseOptions(subject));
    if (agreed !== undefined) this.#agree(agreed, subject);
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

  /** What is added to a queue must fit; undefined: it has no contract here. */
  contractOf(queue: string): QueueContract | undefined {
    return this.#contracts.get(queue);
  }

  #agree(agreed: QueueContract, subject: string): void {
    const earlier = this.#contracts.get(agreed.name);
    if (earlier !== undefined && !isSameContract(earlier, agreed)) {
      throw new InvalidOptionsError('jobs', `${subject}: the queue is registered twice with different contracts`);
    }
    if (earlier === undefined) this.#contracts.set(agreed.name, agreed);
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
