import { PgQueueError } from './pg-queue.error.js';

/** What was given as `tx` is not an open transaction that this package knows how to write in. Nothing was written. */
export class InvalidTransactionError extends PgQueueError {
  readonly code = 'PGQUEUE_INVALID_TRANSACTION';
}
