import type { TransactionHandle } from './transaction.interface.js';

/** What a handler of events gets beside them. */
export interface StreamContext {
  /** The consumer group that the events are delivered to. */
  readonly group: string;
  /** Aborts when the events are no longer this process's, and at `shutdownTimeout`; its `reason` is the error that says which. */
  readonly signal: AbortSignal;
  /**
   * Commits the group's position in the handler's own transaction: effects and position commit together, exactly once.
   *
   * On PgQue it is for `@OnStreamBatch()`, with a batch of no more than `maxMessages` events. What cannot be committed stays: an
   * `UnsupportedByPgqueError` that the handler fails with leaves the batch open, and is logged.
   *
   * @throws InvalidTransactionError for what is no open transaction
   * @throws LeaseLostError when the events are no longer this process's: roll back, another one handles them
   */
  commitIn(tx: TransactionHandle): Promise<void>;
}
