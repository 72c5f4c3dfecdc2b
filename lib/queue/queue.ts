import type { JobDraft, JobRecord, ResolvedJobOptions } from '../engine/job-engine.interface.js';
import type { BulkJob, BulkOptions, JobOptions } from '../interfaces/job-options.interface.js';
import type { JobCounts, JobState, RetryFilter } from '../interfaces/job-state.interface.js';
import type { QueueContract } from '../interfaces/queue-contract.interface.js';
import type { Duration } from '../interfaces/duration.interface.js';
import type { TransactionExecutor } from '../interfaces/transaction.interface.js';
import { refuseJob } from '../errors/invalid-job.error.js';
import { bool, duration, integer, oneOf, plainText } from '../utils/checks.js';
import { addedJobSource } from './added-job-source.js';
import { checkDraft, checkDrafts, createDraft, createDrafts } from './job-draft.js';
import { checkBulkOptions, checkId, checkRange, checkRetryFilter, checkStates } from './queue-arguments.js';
import { Job } from './job.js';
import type { QueueContext } from './queue-context.interface.js';

/**
 * A handle on one queue: adds jobs and looks after them. It holds nothing; a queue exists when its first job does.
 *
 * - Names, data and options are checked before any SQL: `InvalidJobError` says what and where, and nothing is written.
 * - Where the queue has a contract, that was given to it or to `registerQueue()`, names and data are checked against it as well.
 * - Every other failure to reach the database is a `DatabaseUnavailableError`.
 */
export class Queue<Data = any, Result = any, Name extends string = string> {
  readonly name: string;
  readonly #context: QueueContext;
  readonly #contract: QueueContract | undefined;

  /** @internal */
  constructor(name: string, context: QueueContext, contract?: QueueContract) {
    this.name = plainText(name, 'queue', refuseJob);
    this.#context = context;
    this.#contract = contract;
  }

  /**
   * Adds a job. Resolves when it is durable; with `tx`, and inside a transaction that it joins, when it is written: it exists
   * when that commits.
   *
   * @throws InvalidJobError, InvalidTransactionError, DatabaseUnavailableError
   */
  async add(name: Name, data: Data, options?: JobOptions): Promise<Job<Data, Result, Name>> {
    const { appender, engine, limits, registry } = this.#context;
    const contract = this.#contractNow();
    const draft = this.#carrying([createDraft(name, data, options, registry.defaultsFor(this.name), limits)])[0]!;
    const executor = this.#executor(options?.tx);
    if (contract !== undefined) await checkDraft(contract, draft);
    const added =
      executor === undefined
        ? await appender.add(this.name, draft)
        : (await appender.addBulk(this.name, [draft], executor))[0]!;
    return new Job(this.name, engine, addedJobSource(draft, added), limits, contract);
  }

  /**
   * Adds all of the jobs, or none; in the order given.
   *
   * @throws InvalidJobError with a path such as `jobs[3].data.to`, InvalidTransactionError, DatabaseUnavailableError
   */
  async addBulk(jobs: readonly BulkJob<Data, Name>[], options?: BulkOptions): Promise<Job<Data, Result, Name>[]> {
    const { appender, engine, limits, registry } = this.#context;
    const { tx } = checkBulkOptions(options);
    const executor = this.#executor(tx);
    const drafts = this.#carrying(createDrafts(jobs, registry.defaultsFor(this.name), limits));
    if (drafts.length === 0) return [];
    const contract = this.#contractNow();
    if (contract !== undefined) await checkDrafts(contract, drafts);
    const added = await appender.addBulk(this.name, drafts, executor);
    return added.map((one, i) => new Job(this.name, engine, addedJobSource(drafts[i]!, one), limits, contract));
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

  /** Brings dead jobs back, with fresh attempts; those whose unique key belongs to another living job, or is being taken, stay dead. Resolves to how many. */
  async retryJobs(filter: RetryFilter): Promise<number> {
    return this.#context.engine.retryDead(this.name, checkRetryFilter(filter));
  }

  /** Whether the job is gone now; `false` when it is active or unknown. */
  async remove(jobId: string): Promise<boolean> {
    return this.#context.engine.remove(this.name, checkId(jobId));
  }

  /**
   * Discards what waits (and, with `true`, what is delayed): those jobs never run, and are gone. Takes as long for a million as
   * for one. Resolves to how many, an estimate beyond some thousands.
   */
  async drain(delayed = false): Promise<number> {
    return this.#context.engine.drain(this.name, bool(delayed, 'delayed', refuseJob));
  }

  /**
   * No process takes another job of this queue until `resume()`; what runs goes on, and jobs may be added. What a process had
   * taken and not begun it hands back when it hears of this; where there is no LISTEN, or a claim is answered just then, it runs.
   */
  async pause(): Promise<void> {
    await this.#context.engine.setPaused(this.name, true);
  }

  async resume(): Promise<void> {
    await this.#context.engine.setPaused(this.name, false);
  }

  async isPaused(): Promise<boolean> {
    return this.#context.engine.isPaused(this.name);
  }

  /**
   * How many jobs of this queue each of its processors runs at once in each process, from now on and wherever they run; `null`:
   * what each processor says itself. Stays until it is said anew. More begin at once where there is LISTEN, and within seconds
   * elsewhere; fewer when so many have ended: what runs goes on.
   *
   * @param concurrency 1 to 10,000; to run none, `pause()`.
   */
  async setConcurrency(concurrency: number | null): Promise<void> {
    const checked = concurrency === null ? null : integer(1, 10_000)(concurrency, 'concurrency', refuseJob);
    await this.#context.engine.setConcurrency(this.name, checked);
  }

  /** What `setConcurrency()` has said; `null`: nothing. */
  async getConcurrency(): Promise<number | null> {
    return this.#context.engine.getConcurrency(this.name);
  }

  /**
   * Removes finished jobs before their retention ends, the oldest first. Resolves to their ids.
   *
   * @param grace how long ago they ended, at least; 0: whatever has ended.
   * @param limit of how many, at most; default 1000.
   * @param state default `completed`.
   */
  async clean(grace: Duration, limit = 1000, state: 'completed' | 'failed' = 'completed'): Promise<string[]> {
    const olderThan = duration(grace, 'grace', refuseJob);
    const most = integer(1, 100_000)(limit, 'limit', refuseJob);
    return this.#context.engine.clean(
      this.name,
      olderThan,
      most,
      oneOf('completed', 'failed')(state, 'state', refuseJob),
    );
  }

  /** With what is around this call, where something of that is to be carried. */
  #carrying(drafts: readonly JobDraft[]): readonly JobDraft[] {
    const carried = this.#context.carried?.capture();
    if (carried === undefined) return drafts;
    // jobs of one bulk mostly share their options, and are grouped by that
    const withIt = new Map<ResolvedJobOptions, ResolvedJobOptions>();
    return drafts.map((draft) => {
      const options = withIt.get(draft.options) ?? { ...draft.options, carried };
      withIt.set(draft.options, options);
      return { ...draft, options };
    });
  }

  /** In the caller's transaction: that which is given, or is open around the call. */
  #executor(tx: unknown): TransactionExecutor | undefined {
    const { ambient, registry } = this.#context;
    return ambient.executorFor(tx, registry.transactionFor(this.name), `queue '${this.name}'`);
  }

  #job(record: JobRecord): Job<Data, Result, Name> {
    return new Job(this.name, this.#context.engine, record, this.#context.limits, this.#contractNow());
  }

  /** Asked for at each use: whoever was made early may come before `registerQueue()`. */
  #contractNow(): QueueContract | undefined {
    return this.#contract ?? this.#context.registry.contractOf(this.name);
  }
}
