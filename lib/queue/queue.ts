import type { JobRecord } from '../engine/job-engine.interface.js';
import type { BulkJob, BulkOptions, JobOptions } from '../interfaces/job-options.interface.js';
import type { JobCounts, JobState, RetryFilter } from '../interfaces/job-state.interface.js';
import { toExecutor } from '../transactions/to-executor.js';
import { addedJobSource } from './added-job-source.js';
import { createDraft, createDrafts } from './job-draft.js';
import { checkBulkOptions, checkId, checkRange, checkRetryFilter, checkStates } from './queue-arguments.js';
import { checkName } from './job-name.js';
import { Job } from './job.js';
import type { QueueContext } from './queue-context.interface.js';

/**
 * A handle on one queue: adds jobs and looks after them. It holds nothing; a queue exists when its first job does.
 *
 * - Names, data and options are checked before any SQL: `InvalidJobError` says what and where, and nothing is written.
 * - Every other failure to reach the database is a `DatabaseUnavailableError`.
 */
export class Queue<Data = any, Result = any, Name extends string = string> {
  readonly name: string;
  readonly #context: QueueContext;

  /** @internal */
  constructor(name: string, context: QueueContext) {
    this.name = checkName(name, 'queue');
    this.#context = context;
  }

  /**
   * Adds a job. Resolves when it is durable; with `tx` when it is written, and it exists when that commits.
   *
   * @throws InvalidJobError, InvalidTransactionError, DatabaseUnavailableError
   */
  async add(name: Name, data: Data, options?: JobOptions): Promise<Job<Data, Result, Name>> {
    const { appender, engine, limits, registry } = this.#context;
    const draft = createDraft(name, data, options, registry.defaultsFor(this.name), limits);
    const added =
      options?.tx === undefined
        ? await appender.add(this.name, draft)
        : (await appender.addBulk(this.name, [draft], toExecutor(options.tx)))[0]!;
    return new Job(this.name, engine, addedJobSource(draft, added));
  }

  /**
   * Adds all of the jobs, or none; in the order given.
   *
   * @throws InvalidJobError with a path such as `jobs[3].data.to`, InvalidTransactionError, DatabaseUnavailableError
   */
  async addBulk(jobs: readonly BulkJob<Data, Name>[], options?: BulkOptions): Promise<Job<Data, Result, Name>[]> {
    const { appender, engine, limits, registry } = this.#context;
    const { tx } = checkBulkOptions(options);
    const executor = tx === undefined ? undefined : toExecutor(tx);
    const drafts = createDrafts(jobs, registry.defaultsFor(this.name), limits);
    if (drafts.length === 0) return [];
    const added = await appender.addBulk(this.name, drafts, executor);
    return added.map((one, i) => new Job(this.name, engine, addedJobSource(drafts[i]!, one)));
  }

  async getJob(id: string): Promise<Job<Data, Result, Name> | undefined> {
    const record = await this.#context.engine.getJob(this.name, checkId(id));
    return record && this.#job(record);
  }

  /**
   * Jobs in these states (default: all), the newest first unless `asc` is true.
   *
   * @param start of the range, from 0.
   * @param end the last one of the range; -1 (default): to the end.
   */
  async getJobs(
    states?: JobState | readonly JobState[],
    start = 0,
    end = -1,
    asc = false,
  ): Promise<Job<Data, Result, Name>[]> {
    checkRange(start, end);
    const records = await this.#context.engine.getJobs(this.name, checkStates(states), start, end, asc);
    return records.map((record) => this.#job(record));
  }

  /** How many jobs are in these states; without any: in each. Cheap: large numbers are estimated. */
  async getJobCounts(...states: JobState[]): Promise<JobCounts> {
    const { counts, estimated } = await this.#context.engine.getJobCounts(this.name, checkStates(states));
    return { ...counts, estimated };
  }

  /** Brings dead jobs back, with fresh attempts; those whose unique key belongs to another living job stay dead. Resolves to how many. */
  async retryJobs(filter: RetryFilter): Promise<number> {
    return this.#context.engine.retryDead(this.name, checkRetryFilter(filter));
  }

  /** Whether the job is gone now; `false` when it is active or unknown. */
  async remove(jobId: string): Promise<boolean> {
    return this.#context.engine.remove(this.name, checkId(jobId));
  }

  #job(record: JobRecord): Job<Data, Result, Name> {
    return new Job(this.name, this.#context.engine, record);
  }
}
