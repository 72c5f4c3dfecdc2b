import type { BackoffOptions, ResolvedBackoff } from './backoff.interface.js';
import type { Duration } from './duration.interface.js';
import type { Job } from '../queue/job.js';

/** Computes a delay in the process that ran the job: after `attemptsMade` failed attempts, the last with `error`. */
export type BackoffStrategy = (attemptsMade: number, error: unknown, job: Job) => Duration;

/** BullMQ's names where the thing exists there. */
export interface WorkerOptions {
  /** Jobs of this processor at once, in this process. Default 10. */
  concurrency?: number;
  /** How often an idle worker polls; LISTEN wakes it sooner. Default 5s (1s without LISTEN). */
  pollInterval?: Duration;
  /** How long shutdown waits for running handlers before it aborts their signals; 1s more for them to react, then their runs are handed back. Default 10s. */
  shutdownTimeout?: Duration;
  /** For jobs that bring no backoff of their own. A number: fixed, in milliseconds. Default exponential from 1s. */
  backoff?: number | BackoffOptions | BackoffStrategy;
  /**
   * How often a job may be lost with its process as the only suspect until it is dead. It becomes one when it was lost twice,
   * so the default of 2 makes four runs. Such runs never count as attempts. 0: what was running, or fetched, when a process
   * died is not run again.
   */
  maxStalledCount?: number;
}

/** `WorkerOptions`, checked, defaults applied, in milliseconds. `pollInterval` stays open when nobody set it: it depends on LISTEN. */
export interface ResolvedWorkerOptions {
  readonly concurrency: number;
  readonly pollInterval?: number;
  readonly shutdownTimeout: number;
  readonly backoff: ResolvedBackoff | BackoffStrategy;
  readonly maxStalledCount: number;
}
