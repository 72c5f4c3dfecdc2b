import type { BackoffOptions } from './backoff.interface.js';
import type { Duration } from './duration.interface.js';
import type { TransactionHandle } from './transaction.interface.js';

/** What a module or a queue may preset for its jobs. Names and meanings of BullMQ's `JobsOptions`. */
export interface DefaultJobOptions {
  /** Total attempts, the first included. Default 4: three retries. */
  attempts?: number;
  /** Wait before a retry. A number: fixed, in milliseconds. Default: the worker's, which is exponential from 1s: 1s, 2s, 4s. */
  backoff?: number | BackoffOptions;
  /** 0 (default) runs first, then 1, 2 … 255: lower is sooner. */
  priority?: number;
  /** An attempt past it fails with `JobTimeoutError`. The job's wins over `@Process()`'s. Default: none. */
  timeout?: Duration;
}

/** What `add()` takes; anything unknown or mistyped is refused with `InvalidJobError`. */
export interface JobOptions extends DefaultJobOptions {
  /** Not before this long from now. Give this or `runAt`. */
  delay?: Duration;
  /** Not before this time. Give this or `delay`. */
  runAt?: Date;
  /**
   * While a job with this key waits, is delayed or runs, a second `add()` adds nothing and returns that job with
   * `deduplicated: true`. Free again when it has completed or died. Separate per queue.
   */
  uniqueKey?: string;
  /** Becomes `job.id`, unique in its queue: a second `add()` with it returns the first job for as long as that one is kept. Not all digits. */
  jobId?: string;
  /** Write the job in this open transaction: it exists exactly when that commits. The transaction handle of a driver or ORM, as it is. */
  tx?: TransactionHandle;
}

/** One job of `addBulk()`. */
export interface BulkJob<Data = any, Name extends string = string> {
  name: Name;
  data: Data;
  opts?: Omit<JobOptions, 'tx'>;
}

/** Options of `addBulk()` as a whole. */
export interface BulkOptions {
  /** Write all of the jobs in this open transaction. */
  tx?: TransactionHandle;
}
