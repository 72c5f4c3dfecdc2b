import { PgQueueError } from './pg-queue.error.js';

/** The job is not in the state that the operation needs: only a dead (`failed`) job can be retried. */
export class JobStateError extends PgQueueError {
  readonly code = 'PGQUEUE_JOB_STATE';

  constructor(
    message: string,
    /** The state found; `unknown` when the job is gone. */
    readonly state: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
