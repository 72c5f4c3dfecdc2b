/** A worker as the database knows it: its pulse grows while it lives. */
export interface WorkerSeen {
  readonly worker: string;
  /** It was declared dead, and what it held may not be recovered yet. */
  readonly dead: boolean;
  /** A bigint as text. */
  readonly pulse: string;
  /** Whether it holds a LISTEN connection, and with it its lock, for as long as it lives. */
  readonly listening: boolean;
}

/** What became of what a dead worker held in a queue: ids of jobs. */
export interface Recovery {
  readonly lost: readonly string[];
  readonly stalled: readonly string[];
  /** Runs that are being completed in a transaction: to be looked at again. */
  readonly locked: number;
  readonly more: boolean;
}

/** What goes by time. */
export type UpkeepRound = 'dead' | 'drained' | 'orphans' | 'behind';

/** How far behind a group of a stream is. */
export interface GroupCheck {
  readonly stream: string;
  readonly group: string;
  /** Still to be taken; exact up to ten thousand. */
  readonly events: number;
  /** Of the oldest of them: ms. Null: there is none. */
  readonly age: number | null;
  /** What is older is dropped: ms. Null: nothing is. */
  readonly dropAfter: number | null;
  /** Events that it has lost so far; and since that was said last. */
  readonly dropped: number;
  readonly droppedSince: number;
  /** Whether it has to lose more at once, and is to be looked at again. */
  readonly more: boolean;
  /** What is news of it. */
  readonly says: 'behind' | 'dropped' | 'caught up' | null;
}

export type UpkeepTask =
  | { readonly task: 'rotate' | 'settle'; readonly ring: string }
  | { readonly task: 'reclaim'; readonly ring: string; readonly segment: number }
  | { readonly task: UpkeepRound };

/** When a segment is full or old. */
export interface RotationLimits {
  readonly rows: number;
  readonly bytes: number;
  /** Milliseconds. */
  readonly age: number;
}

/**
 * The upkeep of the log. Every method is a transaction of its own, and harmless when several processes call it: one does
 * it, the others find it done or under way.
 */
export interface MaintenanceEngine {
  workersSeen(): Promise<WorkerSeen[]>;
  /** Those of the workers whose lock nobody holds. */
  unheld(workers: readonly string[]): Promise<ReadonlySet<string>>;
  /** Declares a worker dead unless it has shown another pulse since, or holds its lock (`force`: whatever the lock says). */
  bury(worker: string, pulse: string, force: boolean): Promise<boolean>;
  queueIds(): Promise<number[]>;
  /** Lets what a dead worker left unfinished run again. `recent`: only what it claimed in the last minutes. */
  recover(queueId: number, worker: string, recent: boolean): Promise<Recovery>;
  retire(worker: string): Promise<void>;
  /** Workers without a row that hold open leases. */
  orphans(): Promise<string[]>;
  dueTasks(limits: RotationLimits): Promise<UpkeepTask[]>;
  /** Takes a task that goes by time; false when another process has just done it. */
  take(task: UpkeepRound): Promise<boolean>;
  rotate(ring: string): Promise<boolean>;
  settle(ring: string): Promise<boolean>;
  /** What became of it: 'reclaimed', or why it was left. The signal breaks it off. */
  reclaim(ring: string, segment: number, signal?: AbortSignal): Promise<string>;
  /** How many dead jobs of a queue were deleted for their age or number. */
  purgeDead(queueId: number): Promise<number>;
  purgeDrained(): Promise<void>;
  /** Notes how far the groups of each stream are, from when on what they have passed is kept. */
  noteStreams(): Promise<void>;
  groupIds(): Promise<number[]>;
  /** Looks whether a group comes to take its events; where it is too late for some, it loses them. Undefined: it is gone. */
  checkGroup(groupId: number): Promise<GroupCheck | undefined>;
}
