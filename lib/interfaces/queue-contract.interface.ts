import type { ActiveJob } from '../queue/active-job.js';
import type { Job } from '../queue/job.js';
import type { BulkJob } from './job-options.interface.js';
import type { StandardSchema } from './standard-schema.interface.js';

/** A queue's schemas, by job name. */
export type JobSchemas = Readonly<Record<string, StandardSchema>>;

/** What producers and processors agree on: a queue, the names of its jobs, and what each of them carries. Made by `defineQueue()`. */
export interface QueueContract<Name extends string = string, Jobs extends JobSchemas = JobSchemas> {
  readonly name: Name;
  readonly jobs: Jobs;
}

/** The names of a contract's jobs. */
export type JobName<C extends QueueContract> = keyof C['jobs'] & string;

/** What `add()` takes for jobs of a name: what their schema accepts. */
export type JobInput<C extends QueueContract, K extends JobName<C> = JobName<C>> = NonNullable<
  C['jobs'][K]['~standard']['types']
>['input'];

/** What their handler gets: what the schema makes of that. */
export type JobOutput<C extends QueueContract, K extends JobName<C> = JobName<C>> = NonNullable<
  C['jobs'][K]['~standard']['types']
>['output'];

/** What the handler of a contract's jobs gets: `JobOf<typeof Email, 'welcome'>`. Of several names, or all, it is one of them, by `name`. */
export type JobOf<C extends QueueContract, K extends JobName<C> = JobName<C>> = K extends unknown
  ? ActiveJob<JobOutput<C, K>, any, K, JobInput<C, K>>
  : never;

/** A contract's job as its `TypedQueue` shows it: with its data as it was added. */
export type AddedJobOf<C extends QueueContract, K extends JobName<C> = JobName<C>> = K extends unknown
  ? Job<JobInput<C, K>, any, K>
  : never;

/** One job of a `TypedQueue`'s `addBulk()`. */
export type BulkJobOf<C extends QueueContract, K extends JobName<C> = JobName<C>> = K extends unknown
  ? BulkJob<JobInput<C, K>, K>
  : never;
