import type { SqlExecutor } from '../interfaces/transaction.interface.js';
import type { EventDraft, EventRecord } from './stream-engine.interface.js';

/** An event as PgQue hands it out. */
export interface PgqueEvent {
  /** Without a place in the log: PgQue has no positions but its consumers'. */
  readonly record: EventRecord;
  /** How often it was nacked by this consumer before. */
  readonly retryCount: number;
}

/** A window of the log that a consumer has open: whoever asks meanwhile gets the same one. */
export interface PgqueBatch {
  readonly id: string;
  /** The time from its first tick to its last: seconds. */
  readonly seconds: number;
}

export interface PgquePage {
  readonly events: readonly PgqueEvent[];
  /** Whether the batch has events behind these. */
  readonly more: boolean;
}

/** An event that was not handled. */
export interface PgqueFailure {
  readonly id: string;
  /** How long it waits: ms, of which PgQue makes whole seconds. */
  readonly retryAfter: number;
  readonly reason: string;
}

export interface PgqueQueue {
  /** How often an event comes again before it is dead. */
  readonly maxRetries: number;
}

/**
 * An existing PgQue installation, of which only its functions are called.
 *
 * - A batch's number is all that its calls need, and all that protects it: who knows it can end it.
 */
export interface PgqueEngine {
  /** @throws PgqueUnavailableError when there is none that this process can consume from. */
  check(): Promise<void>;
  /** Undefined: there is no such queue. */
  queue(name: string): Promise<PgqueQueue | undefined>;
  /** Whether it made it. However many do so at once. */
  createQueue(name: string): Promise<boolean>;
  /**
   * Whether it made the subscription. From `end`: what is committed after the queue's last tick.
   *
   * @throws UnknownStreamError
   */
  subscribe(queue: string, consumer: string, from: 'start' | 'end'): Promise<boolean>;
  unsubscribe(queue: string, consumer: string): Promise<boolean>;
  /** Returns the events' ids, in their order: all of them are sent, or none. */
  send(queue: string, drafts: readonly EventDraft[], executor?: SqlExecutor): Promise<string[]>;
  /**
   * The open batch, or the next one, or undefined when nothing was ticked since.
   *
   * @param seconds a new one may span more than one window, this long if there are not too many events in it.
   * @throws UnknownGroupError
   */
  nextBatch(queue: string, consumer: string, seconds?: number): Promise<PgqueBatch | undefined>;
  /** Events of a batch, in its order: from this one on (0: the first), as many as may be held at once. */
  page(batchId: string, from: number, limit: number): Promise<PgquePage>;
  /**
   * Ends a batch. Those that failed come again, or are dead, in the same transaction: an event that is given back while its
   * batch stays open could come back into it, and then is lost with the next failure. False: it had ended, nothing was done.
   */
  settle(batchId: string, failures: readonly PgqueFailure[]): Promise<boolean>;
  /** Ends a batch in the caller's transaction. False: it had ended. */
  settleIn(executor: SqlExecutor, batchId: string): Promise<boolean>;
}
