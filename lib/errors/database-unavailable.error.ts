import { StandbyError } from './standby.error.js';
import { PgQueueError } from './pg-queue.error.js';

/** The database could not be reached, or the connection broke. What was sent is never sent again by itself. */
export class DatabaseUnavailableError extends PgQueueError {
  readonly code = 'PGQUEUE_DATABASE_UNAVAILABLE';

  constructor(
    message: string,
    /** Whether the statement was sent, so that what it wrote may exist all the same. */
    readonly mayHaveCommitted: boolean,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Whether an error says only that the database is away: the connection says that once, for all who wait for it. */
export function isOutage(error: unknown): boolean {
  return error instanceof DatabaseUnavailableError || error instanceof StandbyError;
}
