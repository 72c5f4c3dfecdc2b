import { PgQueueError } from './pg-queue.error.js';

/** What the module's own streams do and PgQue cannot: the message says why, and what to do instead. */
export class UnsupportedByPgqueError extends PgQueueError {
  readonly code = 'PGQUEUE_UNSUPPORTED_BY_PGQUE';
}
