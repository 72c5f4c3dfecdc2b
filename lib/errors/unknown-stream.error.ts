import { PgQueueError } from './pg-queue.error.js';

/** PgQue has no queue of this name. The module's own streams are made when they are first named, so it is never raised for those. */
export class UnknownStreamError extends PgQueueError {
  readonly code = 'PGQUEUE_UNKNOWN_STREAM';
}
