import { PgQueueError } from './pg-queue.error.js';

/** Two handlers of this process would take the same jobs, or the same events of a group. Raised at startup. */
export class DuplicateHandlerError extends PgQueueError {
  readonly code = 'PGQUEUE_DUPLICATE_HANDLER';
}
