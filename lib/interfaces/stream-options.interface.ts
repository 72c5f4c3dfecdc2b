import type { TransactionHandle } from './transaction.interface.js';

/** Options of `publish()` and `publishBulk()`. */
export interface PublishOptions {
  /** Write the events in this open transaction: they exist exactly when that commits. */
  tx?: TransactionHandle;
}

/** Where reading begins, and what is left out. */
export interface ReadOptions {
  /** The `cursor` of an event: what comes behind it. `'start'` (default): the oldest event that is kept. */
  after?: 'start' | (string & {});
  /** Events, at most: 1 to 10,000. Default 100. */
  limit?: number;
  /** Only events of this type, or of one of these. Default: all. */
  type?: string | readonly string[];
}

/** Where a live tail begins, and what it leaves out. */
export interface ObserveOptions {
  /**
   * `'end'` (default): what is committed from now on; now is when the subscription has reached the database. The `cursor` of
   * an event: what comes behind it. `'start'`: the oldest event that is kept.
   */
  after?: 'start' | 'end' | (string & {});
  /** Only events of this type, or of one of these. Default: all. */
  type?: string | readonly string[];
}
