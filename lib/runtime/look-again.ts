const FIRST_PAUSE = 2;

/**
 * After a wake-up, looks again while transactions are open that were open then: one of them may have added a job whose
 * notification was left out. Pauses double from 2 ms to the poll interval.
 */
export class LookAgain {
  readonly #longest: number;
  readonly #look: (lanes: readonly number[]) => void;
  readonly #lanes = new Set<number>();
  #until = 0n;
  #pause = FIRST_PAUSE;
  #timer: NodeJS.Timeout | undefined;

  constructor(longestPause: number, look: (lanes: readonly number[]) => void) {
    this.#longest = longestPause;
    this.#look = look;
  }

  /** A wake-up for these lanes: whatever the next claim sees as open counts. */
  woken(lane: number): void {
    this.#lanes.add(lane);
    this.#until = -1n;
    this.#pause = FIRST_PAUSE;
  }

  /** After each claim: its snapshot's bounds. */
  claimed(xmin: bigint, xmax: bigint): void {
    if (this.#lanes.size === 0) return;
    if (this.#until === -1n) this.#until = xmax;
    if (xmin >= this.#until) {
      this.stop();
      return;
    }
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#look([...this.#lanes]);
    }, this.#pause);
    this.#pause = Math.min(this.#pause * 2, this.#longest);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#lanes.clear();
    this.#until = 0n;
    this.#pause = FIRST_PAUSE;
  }
}
