import { PgQueueError } from './pg-queue.error.js';

/** The database is a standby (in recovery): it takes no writes. Raised at startup. */
export class StandbyError extends PgQueueError {
  readonly code = 'PGQUEUE_STANDBY';
}
