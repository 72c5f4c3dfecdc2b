import { PgQueueError } from './pg-queue.error.js';

/** A group's `hold` makes events wait for one that is retried, which a client that drives the loop itself could not keep up. */
export class OrderedGroupError extends PgQueueError {
  readonly code = 'PGQUEUE_ORDERED_GROUP';
}
