import { PgQueueError } from './pg-queue.error.js';

/** An attempt took longer than its `timeout`. Also the `reason` of its aborted `job.signal`. */
export class JobTimeoutError extends PgQueueError {
  readonly code = 'PGQUEUE_JOB_TIMEOUT';
}
