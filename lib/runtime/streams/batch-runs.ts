import type { EventRecord } from '../../engine/stream-engine.interface.js';
import type { Batch, ClaimedRun, FollowUp, Refusal } from '../../engine/worker-engine.interface.js';
import type { JobRun } from '../job-run.js';
import { OpenBatch } from './open-batch.js';
import { rewindWhole } from './rewind.js';
import { runOfBatch, runOfEvent } from './runs-of-batch.js';

/** A group's stream, as its runs need it. */
export interface GroupStream {
  readonly id: number;
  /** Deliveries of an event, at most. */
  readonly attempts: number;
  /** Whether a batch is one run. */
  readonly whole: boolean;
  /** What waits while an event is retried. */
  readonly hold: 'nothing' | 'key' | 'stream';
}

export interface BatchRunsDeps {
  readonly stream: GroupStream;
  /** A run of this process; it waits for its turn when it is pushed. */
  makeRun(claimed: ClaimedRun): JobRun;
  push(run: JobRun): void;
  /** Writes a run's outcome. */
  write(run: JobRun, followUp: FollowUp | undefined): void;
  /** A job that holds a key may have ended without letting it go. */
  releaseKeys(): void;
  /** The runs that wait for a place. */
  waiting(): readonly JobRun[];
}

/** A run that was not begun: its event is parked behind the one that holds its key. */
const parked = (key: string): FollowUp => ({ state: 'm', charge: 0, key: { park: key } });

/** An event that was not begun comes again as it is. */
const LEFT: FollowUp = { state: 'm', charge: 0 };

/**
 * The batches of a group's stream as runs, and what follows from how those end.
 *
 * - A batch ends when the last of its events has, and not before what follows from a failed one is written.
 * - `hold: 'nothing'`: an event that is retried, or handed back, is a job of the group from then on.
 * - `hold: 'key'`: of a key one event runs at a time. One that is retried holds its key: the later ones are parked behind it,
 *   as those of the batches that come, until it has ended. What was not begun comes again, with the batch's position moved back.
 * - `hold: 'stream'`: what is retried, and all that comes behind it, comes again.
 */
export class BatchRuns {
  readonly #deps: BatchRunsDeps;
  readonly #open = new Map<string, OpenBatch>();

  constructor(deps: BatchRunsDeps) {
    this.#deps = deps;
  }

  holds(key: string): boolean {
    return this.#open.has(key);
  }

  take(batch: Batch): void {
    const { stream } = this.#deps;
    const skip = new Set((batch.tries?.skip ?? []).map(String));
    const held = new Set(stream.hold === 'key' ? batch.held : []);
    const isParked = ({ key }: EventRecord): boolean => key !== null && held.has(key);
    const events = batch.events.filter(({ id }) => !skip.has(id));
    const run = this.#deps.makeRun(runOfBatch(batch, stream.attempts));
    const open = stream.whole ? undefined : new OpenBatch(batch, run, events.length + 1);
    if (open !== undefined) this.#open.set(batch.key, open);
    for (const event of events.filter(isParked))
      this.#deps.write(this.#makeRun(event, batch, open), parked(event.key!));
    const rest = events.filter((event) => !isParked(event));
    if (open === undefined) {
      this.#takeWhole(batch, run, rest);
      return;
    }
    for (const event of rest) this.#pushEvent(this.#makeRun(event, batch, open), open);
    // its own part: it has been taken
    this.#ended(open);
  }

  #makeRun(event: EventRecord, batch: Batch, open: OpenBatch | undefined): JobRun {
    const run = this.#deps.makeRun(runOfEvent(event, batch, this.#deps.stream.attempts));
    run.batch = open;
    return run;
  }

  /** What is left of a batch is one run: without what is parked, or has ended before. */
  #takeWhole(batch: Batch, run: JobRun, events: readonly EventRecord[]): void {
    if (events.length === batch.events.length) {
      this.#deps.push(run);
    } else if (events.length === 0) {
      this.#deps.write(run, undefined);
    } else {
      const skip = batch.events.filter((event) => !events.includes(event)).map(({ id }) => id);
      const tries = { ...batch.tries, skip: [...(batch.tries?.skip ?? []), ...skip] };
      this.#deps.push(this.#deps.makeRun(runOfBatch({ ...batch, events, tries }, this.#deps.stream.attempts)));
    }
  }

  /** Of a key one after the other, where keys are held. */
  #pushEvent(run: JobRun, open: OpenBatch): void {
    const { key } = run.claimed.event!;
    if (this.#deps.stream.hold !== 'key' || key === null) {
      this.#deps.push(run);
      return;
    }
    const chain = open.chains.get(key);
    if (chain !== undefined) {
      chain.push(run);
      return;
    }
    open.chains.set(key, []);
    this.#deps.push(run);
  }

  /**
   * A run has ended: what is to be written for it; undefined: nothing, its batch's end says it.
   *
   * @returns the outcome's follow-up, with where it is to be copied from.
   */
  outcome(run: JobRun, followUp: FollowUp | undefined): { readonly followUp: FollowUp | undefined } | undefined {
    const { batch: open, claimed } = run;
    if (claimed.batch !== undefined) return { followUp: this.#ofBatch(run, followUp) };
    if (open === undefined) {
      return { followUp: claimed.event === undefined ? this.#ofJob(run, followUp) : this.#withPlace(run, followUp!) };
    }
    if (followUp === undefined) {
      this.#next(run, open);
      return undefined;
    }
    if (this.#comesAgain(followUp)) {
      // it is asked whether it has ended
      if (this.isVerified(run)) return { followUp: { state: 'm' } };
      this.#leave(run, open, followUp);
      return undefined;
    }
    return { followUp: this.#withPlace(run, this.#withKey(run, followUp)) };
  }

  /** Whether an event's transaction decides what comes next: it keeps its place until that is known. */
  isVerified(run: JobRun): boolean {
    return run.batch !== undefined && run.completedInTransaction && this.#deps.stream.hold !== 'nothing';
  }

  /** A run's outcome is written, or was refused. */
  written(run: JobRun, followUp: FollowUp | undefined, refusal: Refusal | undefined): void {
    const open = run.batch;
    if (open === undefined) {
      if (refusal !== undefined && run.claimed.options?.key !== undefined) this.#deps.releaseKeys();
      return;
    }
    if (followUp?.key !== undefined && 'park' in followUp.key) this.#ended(open);
    else if (refusal !== undefined || followUp?.state === 'f') this.#next(run, open);
    else if (this.#comesAgain(followUp!)) this.#leave(run, open, followUp!);
    else {
      for (const rest of this.#takeChain(run, open)) {
        rest.settled = true;
        this.#deps.write(rest, parked(run.claimed.event!.key!));
      }
      this.#ended(open);
    }
  }

  /** It is somebody else's. */
  dropped(run: JobRun): void {
    const open = run.batch;
    if (open === undefined) return;
    open.taken = true;
    for (const rest of this.#takeChain(run, open)) {
      rest.settled = true;
      this.#ended(open);
    }
    this.#ended(open);
  }

  /** An event that has ended: the next of its key can run. */
  #next(run: JobRun, open: OpenBatch): void {
    const key = run.claimed.event?.key ?? null;
    const next = key === null ? undefined : open.chains.get(key)?.shift();
    if (next !== undefined) this.#deps.push(next);
    this.#ended(open);
  }

  /** It comes again, and with it what was not begun: all of the batch, or of its key. */
  #leave(run: JobRun, open: OpenBatch, followUp: FollowUp): void {
    open.again(run, followUp);
    const rest =
      this.#deps.stream.hold === 'stream'
        ? this.#deps.waiting().filter((one) => one.batch === open && !one.settled)
        : this.#takeChain(run, open);
    for (const one of rest) {
      one.settled = true;
      open.again(one, LEFT);
      this.#ended(open);
    }
    this.#ended(open);
  }

  #takeChain(run: JobRun, open: OpenBatch): JobRun[] {
    const key = run.claimed.event?.key ?? null;
    return (key !== null && open.chains.get(key)?.splice(0)) || [];
  }

  /** Whether the batch's position moves back for it. */
  #comesAgain({ state, key }: FollowUp): boolean {
    const { hold } = this.#deps.stream;
    if (key !== undefined) return false;
    return hold === 'stream' ? state !== 'f' : hold === 'key' && state === 'm';
  }

  /** An event of a batch that is retried holds its key. */
  #withKey(run: JobRun, followUp: FollowUp): FollowUp {
    const key = run.claimed.event?.key ?? null;
    const holds = this.#deps.stream.hold === 'key' && key !== null && followUp.key === undefined;
    return holds && followUp.state !== 'f' ? { ...followUp, key: { hold: key } } : followUp;
  }

  /** A job of the group that has ended lets its key go. */
  #ofJob(run: JobRun, followUp: FollowUp | undefined): FollowUp | undefined {
    const key = run.claimed.options?.key;
    if (this.#deps.stream.hold !== 'key' || key === undefined) return followUp;
    if (followUp === undefined) return { state: 'c', key: { release: key } };
    return followUp.state === 'f' ? { ...followUp, key: { release: key } } : followUp;
  }

  /** What follows from a batch follows for each of its events; or its position moves back. */
  #ofBatch(run: JobRun, followUp: FollowUp | undefined): FollowUp | undefined {
    if (followUp === undefined || followUp.rewind !== undefined) return followUp;
    const batch = run.claimed.batch!;
    const { hold } = this.#deps.stream;
    const isAlone = batch.events.length === 1;
    if (hold === 'nothing' || followUp.state === 'f' || (hold === 'key' && isAlone && followUp.state !== 'm')) {
      return { ...followUp, batch: batch.lease.n, lane: batch.lease.lane };
    }
    return rewindWhole(batch, run, followUp);
  }

  /** Where an event stands, which has no row of its own, and what was tried. */
  #withPlace(run: JobRun, followUp: FollowUp): FollowUp {
    const { event, attempt, errors, maxAttempts } = run.claimed;
    const { txid, cursor } = event!;
    const { id: stream } = this.#deps.stream;
    return { ...followUp, event: { stream, txid, cursor, attempt, errors, attempts: maxAttempts } };
  }

  #ended(open: OpenBatch): void {
    if (!open.ended()) return;
    this.#open.delete(open.batch.key);
    if (!open.taken) this.#deps.write(open.run, open.followUp);
  }
}
