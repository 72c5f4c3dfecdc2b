import type { JobCounts } from './job-state.interface.js';

/** What an operator needs to see, in one call; the same is in the views `queue_stats`, `process_stats`, `segment_stats` and `storage_stats`. */
export interface PgQueueStats {
  queues: Record<string, QueueStats>;
  processes: ProcessStats[];
  storage: StorageStats;
}

export interface QueueStats {
  counts: JobCounts;
  /** Since when the job that has waited longest waits; `null`: none does. */
  oldestWaitingMs: number | null;
  /** By name: waiting jobs that no live process has a handler for, among the first ten thousand that wait. */
  unhandled: Record<string, number>;
  paused: boolean;
}

/** A process that runs handlers. */
export interface ProcessStats {
  id: string;
  host: string;
  pid: number;
  /** Since its last sign of life, which it gives every second while it holds jobs and every five otherwise. */
  lastSeenMs: number;
  /** Jobs it holds: running, fetched, or ended and not written yet. */
  inFlight: number;
  /** Whether notifications wake it, or polls alone. */
  wakeUp: 'listen' | 'poll';
  queues: string[];
}

export interface StorageStats {
  /** Age of the oldest snapshot in this database, which vacuum waits for (the log does not); `null`: none. */
  oldestSnapshotMs: number | null;
  longestTransactionMs: number | null;
  /** `busy`: it cannot be reclaimed while a transaction that is open holds it. */
  segments: { table: string; rows: number; bytes: number; state: 'current' | 'retained' | 'busy' | 'empty' }[];
}
