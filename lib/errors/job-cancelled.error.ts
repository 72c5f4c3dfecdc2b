import { PgQueueError } from './pg-queue.error.js';

/** The reason of a `signal` that was aborted because its job was cancelled; its message is the canceller's. */
export class JobCancelledError extends PgQueueError {
  readonly code = 'PGQUEUE_JOB_CANCELLED';
}
