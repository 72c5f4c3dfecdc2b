import { PgQueueError } from './pg-queue.error.js';

/**
 * What `StreamService` rejects with for a name, an event, a cursor or an option it refuses: before any SQL, so nothing was
 * written.
 */
export class InvalidEventError extends PgQueueError {
  readonly code = 'PGQUEUE_INVALID_EVENT';

  constructor(
    /** Where, as `event.data.user.name`, `events[3].key` or `options.after`. */
    readonly path: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Throws `InvalidEventError`: for checks that name the path and the problem. */
export function refuseEvent(path: string, problem: string, options?: ErrorOptions): never {
  throw new InvalidEventError(path, `${path} ${problem}`, options);
}
