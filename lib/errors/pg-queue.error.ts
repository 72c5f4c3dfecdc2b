/**
 * Base class of the errors this package raises. `UnrecoverableError` and `DelayedError` are not: handlers throw those.
 */
export abstract class PgQueueError extends Error {
  /** Stable across releases, as `PGQUEUE_INVALID_JOB`; messages are not. */
  abstract readonly code: string;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}
