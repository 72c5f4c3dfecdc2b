import { LeaseLostError } from '../../errors/lease-lost.error.js';

/** How long a lock whose connection is gone may be another's without anybody here knowing: ms. */
const UNSURE_FOR = 6_000;

/**
 * Whether this process has a group.
 *
 * - When the connection that held the lock is gone nothing more is begun, and what runs goes on: mostly the lock is had again
 *   in a moment. When it is another's, or nobody knows for 6 s, what runs is told.
 */
export class GroupLock {
  readonly #group: string;
  #held = false;
  #term = new AbortController();
  #unsure: NodeJS.Timeout | undefined;
  readonly #waiting = new Set<(held: boolean) => void>();

  /** @param group for messages. */
  constructor(group: string) {
    this.#group = group;
  }

  get held(): boolean {
    return this.#held;
  }

  /** Aborts when what is begun now is no longer this process's. */
  get term(): AbortSignal {
    return this.#term.signal;
  }

  gained(): void {
    clearTimeout(this.#unsure);
    this.#held = true;
    this.#tell(true);
  }

  doubted(): void {
    this.#held = false;
    clearTimeout(this.#unsure);
    this.#unsure = setTimeout(() => this.lost(), UNSURE_FOR);
  }

  lost(): void {
    clearTimeout(this.#unsure);
    this.#held = false;
    this.#term.abort(new LeaseLostError(`${this.#group} is another process's now`));
    this.#term = new AbortController();
    this.#tell(false);
  }

  /** No timer is left behind. */
  close(): void {
    clearTimeout(this.#unsure);
    this.#held = false;
  }

  /** Resolves to true once it is held; to false when it turns out to be another's, or the signal aborts. */
  async whenHeld(signal: AbortSignal): Promise<boolean> {
    if (this.#held || signal.aborted) return !signal.aborted;
    return new Promise((resolve) => {
      const done = (held: boolean): void => {
        this.#waiting.delete(done);
        signal.removeEventListener('abort', aborted);
        resolve(held);
      };
      const aborted = (): void => done(false);
      this.#waiting.add(done);
      signal.addEventListener('abort', aborted);
    });
  }

  #tell(held: boolean): void {
    for (const done of this.#waiting) done(held);
  }
}
