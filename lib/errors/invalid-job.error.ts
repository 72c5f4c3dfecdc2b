import type { StandardSchemaIssue } from '../interfaces/standard-schema.interface.js';
import { PgQueueError } from './pg-queue.error.js';

/**
 * What `add()` rejects with for a name, data or options it refuses: before any SQL, so nothing was written.
 * Not an `UnrecoverableError`: thrown inside a handler it must not end the outer job.
 */
export class InvalidJobError extends PgQueueError {
  readonly code = 'PGQUEUE_INVALID_JOB';
  /** All that does not fit the schema of a contract, with paths from the data on; empty when it is something else that is refused. */
  readonly issues: readonly StandardSchemaIssue[];

  constructor(
    /** Where, as `data.user.name` or `options.delay`; in `addBulk` after `jobs[3].`. */
    readonly path: string,
    message: string,
    { issues = [], ...options }: ErrorOptions & { readonly issues?: readonly StandardSchemaIssue[] } = {},
  ) {
    super(message, options);
    this.issues = issues;
  }
}

/** Throws `InvalidJobError`: for checks that name the path and the problem. */
export function refuseJob(path: string, problem: string, options?: ErrorOptions): never {
  throw new InvalidJobError(path, `${path} ${problem}`, options);
}
