import { PgQueueError } from './pg-queue.error.js';

/** The run no longer belongs to this process: another one was given it, or it has an outcome already. */
export class LeaseLostError extends PgQueueError {
  readonly code = 'PGQUEUE_LEASE_LOST';
}
