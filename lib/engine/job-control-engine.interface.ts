/** How long a queue's finished jobs are kept, and how many; what is not said is by default. */
export interface ResolvedRetention {
  readonly completed?: { readonly age?: number; readonly count?: number };
  readonly failed?: { readonly age?: number; readonly count?: number };
}

/**
 * What is done to jobs and queues from outside of a run. Every method works on one queue, by name, and holds against a
 * claim, a finish and a reclaim at the same moment.
 */
export interface JobControlEngine {
  /** The state in which it was cancelled; null when it had ended, is unknown, or is being completed in a transaction. */
  cancel(queue: string, id: string, reason: string): Promise<'waiting' | 'delayed' | 'active' | null>;
  /** Whether a delayed job is due now; `false` when it is not delayed. */
  promote(queue: string, id: string): Promise<boolean>;
  /** Whether there is such a job, not finished. `run`: by the process that runs it, of that run. */
  updateData(
    queue: string,
    id: string,
    data: string,
    run?: { readonly key: string; readonly run: number },
  ): Promise<boolean>;
  /** Whether it waits or is delayed, and so was changed. */
  changePriority(queue: string, id: string, priority: number): Promise<boolean>;
  /** Discards what waits (and what is delayed); resolves to how many, an estimate beyond some thousands. */
  drain(queue: string, delayed: boolean): Promise<number>;
  setPaused(queue: string, paused: boolean): Promise<void>;
  isPaused(queue: string): Promise<boolean>;
  /** Of each of its processors in each process; null: what these say themselves. */
  setConcurrency(queue: string, concurrency: number | null): Promise<void>;
  getConcurrency(queue: string): Promise<number | null>;
  /** Removes finished jobs that ended longer ago than this, the oldest first; resolves to their ids. */
  clean(queue: string, olderThan: number, limit: number, state: 'completed' | 'failed'): Promise<string[]>;
  /** How long finished jobs are kept; in milliseconds. */
  setRetention(queue: string, retention: ResolvedRetention): Promise<void>;
}
