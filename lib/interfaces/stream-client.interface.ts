import type { StreamEvent } from './stream-event.interface.js';
import type { TransactionHandle } from './transaction.interface.js';

/** Events that were handed out to a group together, and stay its until `ack(id)`. */
export interface StreamBatch<Data = any> {
  /** Unique, and the same whenever the batch is received again: to be kept and given back, not to be read. */
  readonly id: string;
  /** One at least. */
  readonly events: readonly StreamEvent<Data>[];
}

/** An event that a group was not able to handle, as often as it was delivered. */
export interface DeadLetter<Data = any> {
  /** Unique: what `replay()` takes. To be kept and given back, not to be read. */
  readonly id: string;
  readonly group: string;
  readonly event: StreamEvent<Data>;
  /** What its last attempt failed with. */
  readonly reason: string;
  /** When it was given up, by the database's clock. */
  readonly at: Date;
}

/** Where a new group begins. */
export interface SubscribeOptions {
  /** With the oldest event that is kept, or with what is published from now on. Default `end`. */
  from?: 'start' | 'end';
}

export interface SendOptions {
  /** Sends in your transaction: the event exists when that commits. */
  tx?: TransactionHandle;
}

/** Which dead letters of a stream. */
export interface DeadLetterOptions {
  /** Those of one group. Default: of all. */
  group?: string;
  /** Of how many, at most. Default 100. */
  limit?: number;
}

/** Of a stream: all dead letters, or those of one group. */
export interface ReplayFilter {
  stream: string;
  group?: string;
}
