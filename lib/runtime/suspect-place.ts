/**
 * The one place of a process for a suspect, a run that was lost with its process twice: it might end this one too, and
 * nobody else that is under suspicion should go with it.
 */
export class SuspectPlace {
  #taken = false;
  readonly #waiting = new Set<() => void>();

  /** Whether it was free, and is the caller's now. */
  take(): boolean {
    if (this.#taken) return false;
    this.#taken = true;
    return true;
  }

  free(): void {
    if (!this.#taken) return;
    this.#taken = false;
    for (const wake of this.#waiting) wake();
  }

  /** Calls back whenever it becomes free. */
  onFree(wake: () => void): void {
    this.#waiting.add(wake);
  }
}
