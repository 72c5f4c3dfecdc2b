import { PgQueueError } from './pg-queue.error.js';

/** The schema in the database and this version of the package do not fit. Raised at startup. */
export class SchemaVersionError extends PgQueueError {
  readonly code = 'PGQUEUE_SCHEMA_VERSION';

  constructor(
    message: string,
    /** The version in the database; 0 when there is no schema. */
    readonly current: number,
    /** The version this package needs, or the lowest package version that the schema still allows. */
    readonly required: number,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
