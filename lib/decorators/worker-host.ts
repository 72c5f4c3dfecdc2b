import type { ActiveJob } from '../queue/active-job.js';

/**
 * The class-level handler, for processors that move over from `@nestjs/bullmq`: takes every name that no `@Process()`
 * method in this process takes.
 */
export abstract class WorkerHost<Data = any, Result = any> {
  abstract process(job: ActiveJob<Data, Result>): Promise<Result>;
}
