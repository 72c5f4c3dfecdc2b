import type { EventRecord } from './stream-engine.interface.js';

/** An event as it is handed out to a group. */
export interface DeliveredEvent {
  readonly record: EventRecord;
  /** How often it was handed out to this group before. */
  readonly retryCount: number;
}

/** Events that were handed out to a group together, and are its until they are acknowledged. */
export interface ReceivedBatch {
  readonly id: string;
  /** One at least. */
  readonly events: readonly DeliveredEvent[];
}

/** An event that a group was not able to handle. */
export interface DeadEvent {
  /** Unique in the installation. */
  readonly id: string;
  readonly group: string;
  readonly event: DeliveredEvent;
  readonly reason: string;
  /** Epoch milliseconds by the database's clock. */
  readonly at: number;
}

/** Of a stream's dead letters: those of one group, or of all. */
export interface DeadEventFilter {
  readonly stream: string;
  readonly group?: string | undefined;
}

/**
 * Batches for whoever drives the loop himself. They belong to no process: one stays open until it is acknowledged, and who
 * asks meanwhile, from wherever, gets the same one. So a group has one at most.
 *
 * - Every method may be repeated after its answer was lost.
 * - A stream that nobody has published to or subscribed has no groups, and is not made by asking.
 */
export interface BatchEngine {
  /** Makes the group if need be; whether it did. */
  subscribe(stream: string, group: string, from: 'start' | 'end'): Promise<boolean>;
  /** Whether there was one. */
  unsubscribe(stream: string, group: string): Promise<boolean>;
  /**
   * The open batch; else a new one, of what is due again or of what comes next in the stream; undefined when there is nothing.
   *
   * @param max events of a new one, at most.
   * @throws UnknownGroupError
   */
  receive(stream: string, group: string, max: number): Promise<ReceivedBatch | undefined>;
  /** Ends a batch, and what of it was not nacked; whether it was open. */
  ack(batchId: string): Promise<boolean>;
  /**
   * One event of an open batch comes again for its group alone, not before `retryAfter` ms, or goes to the dead letters when it
   * was handed out as often as may be. The batch stays open, without it. Nacked once more it stays as it was.
   *
   * @throws UnknownBatchError
   */
  nack(
    batchId: string,
    event: { readonly id: string; readonly cursor: string },
    retryAfter: number,
    reason: string | undefined,
  ): Promise<void>;
  /** The newest first. */
  deadLetters(filter: DeadEventFilter, limit: number): Promise<DeadEvent[]>;
  /** Hands dead letters out again, each to its own group, as if they had never been; says how many. */
  replay(which: string | DeadEventFilter): Promise<number>;
  /** Deletes the dead letters of a stream that are older than this (ms); says how many. */
  purge(stream: string, olderThan: number): Promise<number>;
}
