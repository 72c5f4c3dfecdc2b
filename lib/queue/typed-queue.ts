import { refuseJob } from '../errors/invalid-job.error.js';
import type { BulkOptions, JobOptions } from '../interfaces/job-options.interface.js';
import type { JobState } from '../interfaces/job-state.interface.js';
import type {
  AddedJobOf,
  BulkJobOf,
  JobInput,
  JobName,
  QueueContract,
} from '../interfaces/queue-contract.interface.js';
import { contract } from '../utils/queue-contract.js';
import type { QueueContext } from './queue-context.interface.js';
import { Queue } from './queue.js';

/**
 * A `Queue` with the types of its contract: names go with their data, and jobs are told apart by their `name`. What it does is
 * `Queue`'s, which validates where there is a contract.
 *
 * Jobs of other names may be in the queue too, from SQL or from before: they are found as if they were of the contract.
 */
// oxlint-disable-next-line typescript/no-unsafe-declaration-merging -- each is a method of Queue
export interface TypedQueue<C extends QueueContract> {
  add<K extends JobName<C>>(name: K, data: JobInput<C, K>, options?: JobOptions): Promise<AddedJobOf<C, K>>;
  addBulk<const Jobs extends readonly BulkJobOf<C>[]>(
    jobs: Jobs,
    options?: BulkOptions,
  ): Promise<{ -readonly [I in keyof Jobs]: AddedJobOf<C, Jobs[I]['name']> }>;
  getJob(id: string): Promise<AddedJobOf<C> | undefined>;
  getJobs(
    states?: JobState | readonly JobState[],
    start?: number,
    end?: number,
    asc?: boolean,
  ): Promise<AddedJobOf<C>[]>;
}

// oxlint-disable-next-line typescript/no-unsafe-declaration-merging -- as above
export class TypedQueue<C extends QueueContract> extends Queue<JobInput<C>, any, JobName<C>> {
  /** @internal */
  constructor(of: C, context: QueueContext) {
    const checked = contract(of, 'queue', refuseJob);
    super(checked.name, context, checked);
  }
}
