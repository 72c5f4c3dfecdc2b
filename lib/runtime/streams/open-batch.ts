import type { EventRecord } from '../../engine/stream-engine.interface.js';
import type { Batch, FollowUp } from '../../engine/worker-engine.interface.js';
import type { JobRun } from '../job-run.js';
import { rewindTo } from './rewind.js';

/**
 * A batch whose events are worked off one by one: which have ended, and which are to come again with the position that moves
 * back into it.
 */
export class OpenBatch {
  readonly batch: Batch;
  /** What its outcome is written under. */
  readonly run: JobRun;
  /** By key: the runs that wait for the one before them. */
  readonly chains = new Map<string, JobRun[]>();
  /** Whether it is another process's by now. */
  taken = false;
  #left: number;
  readonly #again = new Map<EventRecord, { run: JobRun; followUp: FollowUp }>();

  constructor(batch: Batch, run: JobRun, events: number) {
    this.batch = batch;
    this.run = run;
    this.#left = events;
  }

  /** One of its events has ended here, in whatever way; whether it was the last. */
  ended(): boolean {
    return --this.#left === 0;
  }

  /** The event of this run comes again, as `followUp` says if it is the first of those. */
  again(run: JobRun, followUp: FollowUp): void {
    this.#again.set(run.claimed.event!, { run, followUp });
  }

  /** What follows from its end: nothing, or that the position moves back into it. */
  get followUp(): FollowUp | undefined {
    if (this.#again.size === 0) return undefined;
    const { events } = this.batch;
    const index = events.findIndex((event) => this.#again.has(event));
    const { run, followUp } = this.#again.get(events[index]!)!;
    const skip = events.slice(index + 1).filter((event) => !this.#again.has(event));
    return rewindTo(this.batch, index, run, followUp, skip);
  }
}
