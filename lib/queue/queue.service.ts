import type { BulkJob, BulkOptions, JobOptions } from '../interfaces/job-options.interface.js';
import type { Job } from './job.js';
import type { QueueContext } from './queue-context.interface.js';
import { Queue } from './queue.js';

/** Reaches every queue by its name, registered or not. Injectable everywhere once `PgQueueModule.forRoot()` is imported. */
export class QueueService {
  readonly #context: QueueContext;

  /** @internal */
  constructor(context: QueueContext) {
    this.#context = context;
  }

  /** @throws InvalidJobError for a name that no queue can have. */
  queue<Data = any, Result = any, Name extends string = string>(name: string): Queue<Data, Result, Name> {
    return new Queue(name, this.#context);
  }

  /** As `queue(name).add()`. */
  async add<Data, Result = unknown>(
    queue: string,
    name: string,
    data: Data,
    options?: JobOptions,
  ): Promise<Job<Data, Result>> {
    return this.queue<Data, Result>(queue).add(name, data, options);
  }

  /** As `queue(name).addBulk()`. */
  async addBulk<Data>(queue: string, jobs: readonly BulkJob<Data>[], options?: BulkOptions): Promise<Job<Data>[]> {
    return this.queue<Data>(queue).addBulk(jobs, options);
  }

  /** The names of the queues that have had a job. */
  async getQueues(): Promise<string[]> {
    return this.#context.engine.getQueues();
  }
}
