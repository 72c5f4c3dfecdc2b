import { PgQueueError } from './pg-queue.error.js';

/** The database is a standby (in recovery): it takes no writes. Raised at startup, and by a statement that finds no primary within `connectTimeout`. */
export class StandbyError extends PgQueueError {
  readonly code = 'PGQUEUE_STANDBY';
}
