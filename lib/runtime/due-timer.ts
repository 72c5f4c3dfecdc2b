/** setTimeout() takes no more; a later due time is looked at again then. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** Calls back when the next delayed job is due. Only an earlier time replaces one that is set. */
export class DueTimer {
  readonly #callback: () => void;
  #timer: NodeJS.Timeout | undefined;
  #at = Infinity;

  constructor(callback: () => void) {
    this.#callback = callback;
  }

  /** In so many ms from now. */
  in(ms: number): void {
    const at = performance.now() + ms;
    if (at >= this.#at) return;
    clearTimeout(this.#timer);
    this.#at = at;
    this.#timer = setTimeout(
      () => {
        this.#at = Infinity;
        this.#callback();
      },
      Math.min(Math.ceil(ms), LONGEST_TIMER),
    );
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#at = Infinity;
  }
}
