import { PgQueueError } from './pg-queue.error.js';

/** There is no open batch of this id, or the event is not in it: it was acknowledged, or never handed out. Nothing was written. */
export class UnknownBatchError extends PgQueueError {
  readonly code = 'PGQUEUE_UNKNOWN_BATCH';
}
