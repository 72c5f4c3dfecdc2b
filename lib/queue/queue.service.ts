import type { BulkJob, BulkOptions, JobOptions } from '../interfaces/job-options.interface.js';
import type { QueueContract } from '../interfaces/queue-contract.interface.js';
import { isContract } from '../utils/queue-contract.js';
import type { Job } from './job.js';
import type { QueueContext } from './queue-context.interface.js';
import { Queue } from './queue.js';
import { TypedQueue } from './typed-queue.js';

/** Reaches every queue by its name, registered or not. Injectable everywhere once `PgQueueModule.forRoot()` is imported. */
export class QueueService {
  readonly #context: QueueContext;
  /** A contract is checked when it is first given: to do so at each `queue(contract).add()` would cost more than the rest. */
  readonly #typed = new WeakMap<QueueContract, Queue>();

  /** @internal */
  constructor(context: QueueContext) {
    this.#context = context;
  }

  /** By its contract: what is added is typed, and validated. */
  queue<C extends QueueContract>(contract: C): TypedQueue<C>;
  /** @throws InvalidJobError for a name that no queue can have. */
  queue<Data = any, Result = any, Name extends string = string>(name: string): Queue<Data, Result, Name>;
  queue(of: string | QueueContract): Queue {
    return isContract(of) ? this.#typedQueue(of) : new Queue(of, this.#context);
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

  #typedQueue(of: QueueContract): Queue {
    const known = this.#typed.get(of);
    if (known !== undefined) return known;
    const queue = new TypedQueue(of, this.#context);
    this.#typed.set(of, queue);
    return queue;
  }
}
