import type { AttemptError, JobEngine, ResolvedJobOptions } from '../engine/job-engine.interface.js';
import type { ClaimedRun } from '../engine/worker-engine.interface.js';
import type { TransactionHandle } from '../interfaces/transaction.interface.js';
import type { DataLimits } from '../queue/job-data.js';
import { ActiveJob } from '../queue/active-job.js';
import type { ActiveRun, JobSource } from '../queue/job-source.js';
import type { Fitted } from '../utils/validate.js';
import type { JobHandler } from './processor-definition.js';
import type { Slots } from './slots.js';
import type { OpenBatch } from './streams/open-batch.js';

/** What every run of a queue's worker shares. */
export interface RunContext {
  readonly queueName: string;
  readonly jobs: JobEngine;
  readonly limits: DataLimits;
  /** Epoch milliseconds by the database's clock, now. */
  databaseNow(): number;
  completeIn(run: JobRun, tx: TransactionHandle, result: unknown): Promise<void>;
}

/**
 * One claimed run: what its ActiveJob reads from, and its way from the buffer to its outcome.
 *
 * - Made for every job, so it holds references only; the AbortController is made when it is asked for.
 * - `settled` once: whatever its handler does later is ignored.
 */
export class JobRun implements ActiveRun, JobSource {
  readonly claimed: ClaimedRun;
  readonly slots: Slots;
  readonly handler: JobHandler;
  /** When it came, by this process's clock (performance.now()). */
  readonly claimedAt: number;
  startedAt = 0;
  settled = false;
  /** Whether `completeIn()` was called: its fate is the user's transaction's. */
  completedInTransaction = false;
  /** What it was completed with there: JSON text. */
  completedWith: string | null = null;
  timer: NodeJS.Timeout | undefined;
  readonly result = null;
  processedOn: number | undefined;
  readonly #context: RunContext;
  #job: ActiveJob | undefined;
  #controller: AbortController | undefined;
  #aborted: Error | undefined;
  /** What its handler's contract made of the data. */
  fitted: Fitted | undefined;
  /** Of an event: the batch it came in. */
  batch: OpenBatch | undefined;
  /** Whether it was lost with its process twice: nothing else of that kind runs in this one. */
  suspect = false;

  constructor(claimed: ClaimedRun, slots: Slots, handler: JobHandler, claimedAt: number, context: RunContext) {
    this.claimed = claimed;
    this.slots = slots;
    this.handler = handler;
    this.claimedAt = claimedAt;
    this.#context = context;
  }

  get job(): ActiveJob {
    const { queueName, jobs, limits } = this.#context;
    return (this.#job ??= new ActiveJob(queueName, jobs, this, limits, this.handler.contract));
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#aborted !== undefined) this.#controller.abort(this.#aborted);
    }
    return this.#controller.signal;
  }

  /** Whether it came from a stream, in the order of the log: it waits here for its turn, however long. */
  get inBatch(): boolean {
    return this.claimed.event !== undefined || this.claimed.batch !== undefined;
  }

  /** Why its signal was aborted, if it was. */
  get aborted(): Error | undefined {
    return this.#aborted;
  }

  begin(): void {
    this.startedAt = performance.now();
    this.processedOn = this.#context.databaseNow();
  }

  abort(reason: Error): void {
    this.#aborted ??= reason;
    this.#controller?.abort(reason);
  }

  async completeIn(tx: TransactionHandle, result: unknown): Promise<void> {
    await this.#context.completeIn(this, tx, result);
  }

  async updateData(data: string, fitted: Fitted | undefined): Promise<boolean> {
    if (this.settled) return false;
    const { queueName, jobs } = this.#context;
    if (!(await jobs.updateData(queueName, this.id, data, this.claimed))) return false;
    this.fitted = fitted;
    return true;
  }

  get record(): JobSource {
    return this;
  }
  get id(): string {
    return this.claimed.options?.jobId ?? this.claimed.key;
  }
  get name(): string {
    return this.claimed.name;
  }
  get data(): string {
    return this.claimed.data;
  }
  get options(): ResolvedJobOptions {
    return { attempts: this.claimed.maxAttempts, priority: 0, ...this.claimed.options };
  }
  get attemptsStarted(): number {
    return this.claimed.attempt;
  }
  get attemptsMade(): number {
    return this.claimed.attempt - 1;
  }
  get errors(): readonly AttemptError[] {
    return this.claimed.errors;
  }
  get createdAt(): number {
    return this.claimed.createdAt;
  }
}
