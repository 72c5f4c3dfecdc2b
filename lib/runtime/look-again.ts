const FIRST_PAUSE = 2;

interface Awaited {
  pause: number;
  lookAt: number;
}

/**
 * After a wake-up for a transaction that may be open, looks again while transactions are open that were open then: any of
 * them may be the one.
 *
 * - Each is waited for with pauses of its own, which double from 2 ms to the poll interval, from where on the poll looks:
 *   one that stays open for hours costs a dozen looks, however often others wake.
 * - When one has ended, its lanes are looked at once more.
 */
export class LookAgain {
  readonly #pollInterval: () => number;
  readonly #look: (lanes: readonly number[]) => void;
  readonly #lanes = new Set<number>();
  readonly #awaited = new Map<string, Awaited>();
  #woken = false;
  #claiming = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(pollInterval: () => number, look: (lanes: readonly number[]) => void) {
    this.#pollInterval = pollInterval;
    this.#look = look;
  }

  /** A wake-up for this lane: whatever the next claim that is sent sees as open counts. */
  woken(lane: number): void {
    this.#lanes.add(lane);
    this.#woken = true;
  }

  /** Before each claim: what wakes from now on is later than what it will see. */
  claiming(): void {
    this.#claiming ||= this.#woken;
    this.#woken = false;
  }

  /** After each claim: the transactions that were open in its snapshot, and the lanes it looked at. */
  claimed(running: readonly string[], looked: ReadonlySet<number> | 'all'): void {
    if (this.#lanes.size === 0) return;
    const now = performance.now();
    if (this.#claiming) {
      this.#claiming = false;
      for (const id of running) {
        if (!this.#awaited.has(id)) this.#awaited.set(id, { pause: FIRST_PAUSE, lookAt: now + FIRST_PAUSE });
      }
    }
    const hadEnded = this.#forgetEnded(running);
    if (hadEnded && looked !== 'all' && [...this.#lanes].some((lane) => !looked.has(lane)))
      this.#look([...this.#lanes]);
    if (this.#awaited.size === 0 && !this.#woken) this.#lanes.clear();
    this.#lookLater(now);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#awaited.clear();
    this.#lanes.clear();
  }

  #forgetEnded(running: readonly string[]): boolean {
    const open = new Set(running);
    const before = this.#awaited.size;
    for (const id of this.#awaited.keys()) if (!open.has(id)) this.#awaited.delete(id);
    return this.#awaited.size < before;
  }

  #lookLater(now: number): void {
    const pollInterval = this.#pollInterval();
    let next = Infinity;
    for (const awaited of this.#awaited.values()) {
      // timers may be a millisecond early
      if (awaited.lookAt <= now + 1) {
        awaited.pause *= 2;
        awaited.lookAt = awaited.pause < pollInterval ? now + awaited.pause : Infinity;
      }
      next = Math.min(next, awaited.lookAt);
    }
    clearTimeout(this.#timer);
    if (next < Infinity) this.#timer = setTimeout(() => this.#look([...this.#lanes]), next - now);
  }
}
