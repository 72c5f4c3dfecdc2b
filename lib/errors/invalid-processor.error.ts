import { PgQueueError } from './pg-queue.error.js';

/** A decorated class or method that could never run as it is written. Raised at startup. */
export class InvalidProcessorError extends PgQueueError {
  readonly code = 'PGQUEUE_INVALID_PROCESSOR';
}
