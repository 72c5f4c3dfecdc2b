/** What a session hears and comes to hold. */
export interface PgqueSessionCallbacks {
  /** A queue has a new tick. */
  readonly onTick: (queue: string) => void;
  /** Notifications may have been missed: look at everything. */
  readonly onListening: () => void;
  /** From now on this process holds it. */
  readonly onHeld: (lock: string) => void;
  /** The connection that held it is gone. Either `onHeld` or `onLost` says what became of it, when the database can be reached. */
  readonly onUnsure: (lock: string) => void;
  /** Another process has it. */
  readonly onLost: (lock: string) => void;
}

/**
 * This process's one connection that listens for PgQue's ticks and holds locks: they are let go when it ends, however.
 *
 * - `start` and `stop` are idempotent.
 */
export interface PgqueSession {
  /** Whether notifications arrive; without it, consumers poll more often. */
  readonly listening: boolean;
  /** Returns at once. */
  start(queues: readonly string[], callbacks: PgqueSessionCallbacks): void;
  /** Lets go of everything. */
  stop(): Promise<void>;
  /** Tries to get a lock, again and again. */
  want(lock: string): void;
  /** Lets go of it as soon as it can be. */
  release(lock: string): void;
}
