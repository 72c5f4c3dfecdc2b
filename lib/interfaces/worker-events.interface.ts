import type { Job } from '../queue/job.js';

/** What `@OnWorkerEvent()` methods hear of this process's worker, with the arguments they get. */
export interface WorkerEventMap {
  /** A handler is about to run. */
  active: [job: Job];
  completed: [job: Job, result: unknown];
  /** An attempt failed, whether or not another follows. */
  failed: [job: Job, error: Error];
  /** The worker itself met an error, as a lost connection. */
  error: [error: Error];
}
