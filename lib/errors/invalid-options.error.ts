import { PgQueueError } from './pg-queue.error.js';

/**
 * A wrong option of the module, a queue or a processor, raised at startup; or a wrong argument of a `StreamClient`. The message has
 * the value and the remedy.
 */
export class InvalidOptionsError extends PgQueueError {
  readonly code = 'PGQUEUE_INVALID_OPTIONS';

  constructor(
    /** Where, as `worker.concurrency` or `processors.email.pollInterval`. */
    readonly path: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** What checks call to throw `InvalidOptionsError`; `subject` says whose options these are, as `PgQueueModule.forRoot()`. */
export function refuseOptions(subject: string): (path: string, problem: string) => never {
  return (path, problem) => {
    throw new InvalidOptionsError(path, `${subject}: ${path} ${problem}`);
  };
}
