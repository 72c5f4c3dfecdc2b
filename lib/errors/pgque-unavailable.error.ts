import { PgQueueError } from './pg-queue.error.js';

/** There is no PgQue in the database that could be used: it is not installed, too old, or not this role's. Raised at startup. */
export class PgqueUnavailableError extends PgQueueError {
  readonly code = 'PGQUEUE_PGQUE_UNAVAILABLE';
}
