import type { EventRecord } from '../../engine/stream-engine.interface.js';
import type { Batch, FollowUp } from '../../engine/worker-engine.interface.js';
import type { JobRun } from '../job-run.js';
import { rewindTo } from './rewind.js';

/** A batch whose events are worked off one by one. */
export class OpenBatch {
  /** What its outcome is written under. */
  readonly run: JobRun;
  readonly batch: Batch;
  /** Whether its events hold each other up. */
  readonly inOrder: boolean;
  left: number;
  /** Whether it is another process's by now. */
  taken = false;
  #resumeAt = Infinity;
  #followUp: FollowUp | undefined;

  constructor(run: JobRun, batch: Batch, inOrder: boolean) {
    this.run = run;
    this.batch = batch;
    this.inOrder = inOrder;
    this.left = batch.events.length;
  }

  /** What is delivered next begins with this event, the first of those that were said. */
  resumeAt(run: JobRun, followUp: FollowUp): void {
    const index = this.batch.events.indexOf(run.claimed.event as EventRecord);
    if (index >= this.#resumeAt) return;
    this.#resumeAt = index;
    this.#followUp = rewindTo(this.batch, index, run, followUp);
  }

  /** What follows from its end: nothing, or that the position moves back into it. */
  get followUp(): FollowUp | undefined {
    return this.#followUp;
  }
}

/**
 * The batches that are worked off event by event: one ends when the last of its events has.
 *
 * - Not before what follows from a failed event is written: whoever finds a batch ended asks no more for its events.
 */
export class OpenBatches {
  readonly #open = new Map<string, OpenBatch>();
  readonly #end: (batch: OpenBatch) => void;

  constructor(end: (batch: OpenBatch) => void) {
    this.#end = end;
  }

  open(run: JobRun, batch: Batch, inOrder: boolean): OpenBatch {
    const open = new OpenBatch(run, batch, inOrder);
    this.#open.set(batch.key, open);
    return open;
  }

  has(key: string): boolean {
    return this.#open.has(key);
  }

  /** One of its events has ended. */
  ended(batch: OpenBatch): void {
    batch.left--;
    if (batch.left > 0) return;
    this.#open.delete(batch.batch.key);
    if (!batch.taken) this.#end(batch);
  }
}
