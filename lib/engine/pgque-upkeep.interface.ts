/** What is known of a queue's ticks: times in ms, by the database's clock. */
export interface QueueTicks {
  readonly queue: string;
  /** Its last tick. Ids have gaps. */
  readonly tick: string;
  readonly age: number;
  /** The longest that a ticker leaves it without a tick. */
  readonly idlePeriod: number;
  /** The longest that a ticker leaves it without a tick when something waits for one. */
  readonly maxLag: number;
  /** Whether something was sent since. */
  readonly waiting: boolean;
  /** How many ticks came after the one that was said; 0 for a queue of which none was. */
  readonly since: number;
}

/** Ticking and looking after a PgQue installation. Each call is a transaction of its own: what one does, the next one sees. */
export interface PgqueUpkeepEngine {
  /** Whether this process's role may do it. */
  mayTick(): Promise<boolean>;
  /** The queues that are not paused and have no ticker of their own. @param known a tick of each, to count from. */
  ticks(known?: ReadonlyMap<string, { readonly tick: string }>): Promise<QueueTicks[]>;
  /** Ticks a queue if it is time; one at a time. Returns the tick, if there is one. */
  tick(queue: string): Promise<string | undefined>;
  /** Hands out again what was nacked and is due: some of it. Says how much. */
  retry(): Promise<number>;
  /** Empties and switches tables of all queues. */
  rotate(): Promise<void>;
  /** As the first half of `rotate()`, for one queue. */
  rotateQueue(queue: string): Promise<void>;
  /** The other half: not before the first one is committed. */
  finishRotation(): Promise<void>;
  /** Whether somebody holds a lock. */
  isHeld(lock: string): Promise<boolean>;
}
