import type { StandardSchemaIssue } from '../interfaces/standard-schema.interface.js';
import { PgQueueError } from './pg-queue.error.js';

/**
 * A job's data does not fit the schema of its handler's `@JobData({ schema })`. The job is dead at once, whatever attempts
 * remain: the next one would get the same data.
 */
export class InvalidJobDataError extends PgQueueError {
  readonly code = 'PGQUEUE_INVALID_JOB_DATA';

  constructor(
    /** Where the first issue is, as `data.user.name`. */
    readonly path: string,
    message: string,
    /** All that does not fit, as the schema says it. */
    readonly issues: readonly StandardSchemaIssue[] = [],
  ) {
    super(message);
  }
}
