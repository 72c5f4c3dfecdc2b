import type { SqlExecutor } from '../interfaces/transaction.interface.js';
import type { JobControlEngine } from './job-control-engine.interface.js';
import type { CarriedValues } from '../interfaces/carried-values.interface.js';
import type { ResolvedBackoff } from '../interfaces/backoff.interface.js';

/** What a job brings besides its data: checked, defaults applied, durations in milliseconds. */
export interface ResolvedJobOptions {
  readonly attempts: number;
  readonly priority: number;
  readonly backoff?: ResolvedBackoff;
  readonly timeout?: number;
  readonly delay?: number;
  /** ISO 8601. */
  readonly runAt?: string;
  readonly uniqueKey?: string;
  readonly jobId?: string;
  /** What is around its handler as it was around `add()`. */
  readonly carried?: CarriedValues;
}

/** A job that was checked and is ready to be written. */
export interface JobDraft {
  readonly name: string;
  /** JSON text. */
  readonly data: string;
  readonly options: ResolvedJobOptions;
}

/** One error of one attempt, as it is kept. */
export interface AttemptError {
  readonly message: string;
  readonly stack?: string;
}

export type RecordedState = 'waiting' | 'delayed' | 'active' | 'completed' | 'failed';

/** A job as the database knows it. */
export interface JobRecord {
  /** The id outside: the custom one if there is one. */
  readonly id: string;
  /** The id inside (a bigint as text). */
  readonly key: string;
  readonly name: string;
  /** JSON text. */
  readonly data: string;
  readonly options: ResolvedJobOptions;
  readonly state: RecordedState;
  readonly attemptsStarted: number;
  readonly attemptsMade: number;
  /** JSON text, `null` when there is none. */
  readonly result: string | null;
  /** Of every failed attempt, the oldest first. */
  readonly errors: readonly AttemptError[];
  /** Epoch milliseconds by the database's clock. */
  readonly createdAt: number;
  readonly processedOn?: number;
  readonly finishedOn?: number;
}

/** What became of one draft. */
export interface AddedJob {
  readonly id: string;
  readonly key: string;
  readonly createdAt: number;
  /** The earlier job that was found instead, when the key or id was taken. */
  readonly existing?: JobRecord;
}

/** Counts by state; a state in `estimated` had too many jobs to be counted. */
export interface CountedStates {
  readonly counts: Record<RecordedState, number>;
  readonly estimated: readonly RecordedState[];
}

/**
 * The producing and looking-up side of the log. Every method works on one queue, by name.
 *
 * - `add` writes all of its drafts or none, in one statement where they fit one.
 * - With an executor it runs on the caller's transaction and sees what that sees.
 */
export interface JobEngine extends JobControlEngine {
  /** Whether an error is the answer of a server that refused the statement, and so wrote nothing of it. */
  isRefusal(error: unknown): boolean;
  add(queue: string, drafts: readonly JobDraft[], executor?: SqlExecutor): Promise<AddedJob[]>;
  getQueues(): Promise<string[]>;
  getJob(queue: string, id: string): Promise<JobRecord | undefined>;
  getJobs(
    queue: string,
    states: readonly RecordedState[],
    start: number,
    end: number,
    ascending: boolean,
  ): Promise<JobRecord[]>;
  getJobCounts(queue: string, states: readonly RecordedState[]): Promise<CountedStates>;
  /** Dead jobs run again with fresh attempts; resolves to how many. */
  retryDead(
    queue: string,
    filter: { ids: readonly string[] } | { failedBefore: Date } | { all: true },
  ): Promise<number>;
  /** Whether the job is gone; `false` when it is active or unknown. */
  remove(queue: string, id: string): Promise<boolean>;
}
