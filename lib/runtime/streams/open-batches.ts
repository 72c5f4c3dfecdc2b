import type { JobRun } from '../job-run.js';

/** A batch whose events are worked off one by one. */
export class OpenBatch {
  /** What its outcome is written under. */
  readonly run: JobRun;
  left: number;
  /** Whether it is another process's by now. */
  taken = false;

  constructor(run: JobRun, events: number) {
    this.run = run;
    this.left = events;
  }
}

/**
 * The batches that are worked off event by event: one ends when the last of its events has.
 *
 * - Not before what follows from a failed event is written: whoever finds a batch ended asks no more for its events.
 */
export class OpenBatches {
  readonly #open = new Map<string, OpenBatch>();
  readonly #end: (run: JobRun) => void;

  constructor(end: (run: JobRun) => void) {
    this.#end = end;
  }

  open(run: JobRun, events: number): OpenBatch {
    const batch = new OpenBatch(run, events);
    this.#open.set(run.claimed.key, batch);
    return batch;
  }

  has(key: string): boolean {
    return this.#open.has(key);
  }

  /** One of its events has ended. */
  ended(batch: OpenBatch): void {
    batch.left--;
    if (batch.left > 0) return;
    this.#open.delete(batch.run.claimed.key);
    if (!batch.taken) this.#end(batch.run);
  }
}
