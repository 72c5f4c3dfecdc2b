import { PgQueueError } from './pg-queue.error.js';

/** A stream has no consumer group of this name: it was never subscribed, or was removed. */
export class UnknownGroupError extends PgQueueError {
  readonly code = 'PGQUEUE_UNKNOWN_GROUP';
}
