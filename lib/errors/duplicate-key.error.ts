import { PgQueueError } from './pg-queue.error.js';

/** A dead job cannot be retried: its unique key belongs to another job that is alive, or is being taken in an open transaction. */
export class DuplicateKeyError extends PgQueueError {
  readonly code = 'PGQUEUE_DUPLICATE_KEY';

  constructor(
    message: string,
    /** The unique key that is taken. */
    readonly key: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
