import type { Scope } from '@nestjs/common';
import type { Duration } from './duration.interface.js';
import type { QueueContract } from './queue-contract.interface.js';

/** The long form of `@Processor('email')`. */
export interface ProcessorOptions {
  /** The queue, or its contract. */
  name: string | QueueContract;
  /** Of which `forRoot({ name })`. Default: of the one without a name. */
  database?: string;
  /** `Scope.REQUEST`: an instance for each attempt of a job, with what it injects; `JOB_REF` injects the job. Default: one for all. */
  scope?: Scope;
  /** With `Scope.REQUEST`: jobs share instances as the application's `ContextIdStrategy` says. Default `false`. */
  durable?: boolean;
}

/** The long form of `@Process('welcome')`. */
export interface ProcessOptions {
  /** The job name. Without it, or `'*'`: every name that no other method in this process takes; one such method per queue and process. */
  name?: string;
  /** For jobs that bring no timeout of their own. Default: none. */
  timeout?: Duration;
  /**
   * Runs the handler in a transaction of its own, and completes the job in its commit: effects in the database happen exactly once.
   * With `@nestjs-cls/transactional` it is one of the application's; otherwise its client is the handler's second argument.
   * Default `false`.
   */
  transactional?: boolean;
}
