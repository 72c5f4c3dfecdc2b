import { PgQueueError } from './pg-queue.error.js';

/** The process is shutting down: the `reason` of a signal aborted at `shutdownTimeout`, and what work refused after it gets. */
export class ShutdownError extends PgQueueError {
  readonly code = 'PGQUEUE_SHUTDOWN';
}
