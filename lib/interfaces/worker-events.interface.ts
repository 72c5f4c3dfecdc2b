import type { Job } from '../queue/job.js';

/** What `@OnWorkerEvent()` methods hear of this process's worker, with the arguments they get. */
export interface WorkerEventMap {
  /** A handler is about to run. */
  active: [job: Job];
  completed: [job: Job, result: unknown];
  /** An attempt failed, whether or not another follows. */
  failed: [job: Job, error: Error];
  /** A job of this queue was lost with the process that held it, and recovered by this one: it runs again, or is dead as stalled. */
  stalled: [jobId: string];
  /** The worker itself met an error, as a lost connection. */
  error: [error: Error];
}
