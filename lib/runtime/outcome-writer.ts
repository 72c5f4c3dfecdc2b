import type { FollowUp, Refusal, RunOutcome } from '../engine/worker-engine.interface.js';
import type { Log } from '../utils/log.js';
import { isOutage } from '../errors/database-unavailable.error.js';
import { pause, retryPause } from '../utils/pause.js';
import type { JobRun } from './job-run.js';

/** Outcomes in one statement, at most; and characters of results. */
const BATCH = 1_000;
const BATCH_CHARACTERS = 8 * 1024 * 1024;
/** From one statement to the next, unless it is full: ms. A steady stream of lone jobs would pay for a commit each. */
const PAUSE = 5;

/** A run and how it ended. */
export interface Settled {
  readonly run: JobRun;
  /** What its handler threw. */
  readonly thrown?: unknown;
  /** What should follow from the run, whatever is written. */
  readonly followUp?: FollowUp | undefined;
  readonly outcome: RunOutcome;
}

export interface OutcomeWriterDeps {
  finish(outcomes: readonly RunOutcome[], mayHaveEnded: boolean): Promise<Refusal[]>;
  /** A run's outcome is written, or was refused as `refusal` says. */
  onWritten(settled: Settled, refusal: Refusal | undefined): void;
  /** A run's outcome will never be written. */
  onGivenUp(settled: Settled): void;
  /** Whether an error says that the statement can never succeed as it is. */
  isDataError(error: unknown): boolean;
  readonly log: Log;
}

/**
 * Writes how runs ended, in batches.
 *
 * - One statement at a time: what ends meanwhile, and in the 5 ms from its beginning, gathers for the next; a single one on
 *   an idle worker goes at once.
 * - Repeated until it is answered; the statement knows what it has written already.
 * - A batch with something that cannot be stored is split until that is alone, and its job completes without a result.
 * - A run whose `completeIn()` was called goes alone: it may wait for the user's transaction.
 */
export class OutcomeWriter {
  readonly #deps: OutcomeWriterDeps;
  #waiting: Settled[] = [];
  #alone = 0;
  readonly #inWriting = new Set<readonly Settled[]>();
  #lost = 0;
  #writing: Promise<void> | undefined;
  #scheduled = false;
  /** When the next statement may begin (performance.now()). */
  #next = 0;
  readonly #hurry = new AbortController();
  readonly #giveUp = new AbortController();

  constructor(deps: OutcomeWriterDeps) {
    this.#deps = deps;
  }

  add(settled: Settled): void {
    if (settled.run.completedInTransaction) {
      this.#alone++;
      void this.#write([settled]).finally(() => this.#alone--);
      return;
    }
    this.#waiting.push(settled);
    if (this.#writing === undefined && !this.#scheduled) {
      this.#scheduled = true;
      // after the callbacks that are due now: jobs that end together are written together
      setImmediate(() => {
        this.#scheduled = false;
        this.#writing ??= this.#drain();
      });
    }
  }

  /** How many outcomes are not written yet. */
  get pending(): number {
    let sum = this.#waiting.length;
    for (const batch of this.#inWriting) sum += batch.length;
    return sum;
  }

  /** Whether the outcome of a run is not written yet. */
  has(key: string, run: number): boolean {
    const isIt = ({ outcome }: Settled): boolean => outcome.key === key && outcome.run === run;
    return this.#waiting.some(isIt) || [...this.#inWriting].some((batch) => batch.some(isIt));
  }

  /** Resolves when all is written; after `giveUpAfter` ms it stops trying, and says what was not. Whether all was. */
  async flush(giveUpAfter: number): Promise<boolean> {
    this.#hurry.abort();
    const timer = setTimeout(() => this.#giveUp.abort(), giveUpAfter);
    while (this.#waiting.length > 0 || this.#writing !== undefined || this.#alone > 0) {
      await (this.#writing ?? pause(2));
    }
    clearTimeout(timer);
    return this.#lost === 0;
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      const early = this.#next - performance.now();
      if (early > 0 && this.#waiting.length < BATCH) await pause(early, this.#hurry.signal);
      this.#next = performance.now() + PAUSE;
      await this.#write(this.#takeBatch());
    }
    this.#writing = undefined;
  }

  #takeBatch(): Settled[] {
    let size = 0;
    let characters = 0;
    while (size < Math.min(BATCH, this.#waiting.length) && characters < BATCH_CHARACTERS) {
      characters += this.#waiting[size]!.outcome.output?.length ?? 0;
      size++;
    }
    if (size === this.#waiting.length) {
      const all = this.#waiting;
      this.#waiting = [];
      return all;
    }
    return this.#waiting.splice(0, size);
  }

  async #write(batch: readonly Settled[]): Promise<void> {
    this.#inWriting.add(batch);
    try {
      await this.#writeAll(batch);
    } finally {
      this.#inWriting.delete(batch);
    }
  }

  async #writeAll(batch: readonly Settled[]): Promise<void> {
    for (let tries = 0; ; tries++) {
      try {
        const mayHaveEnded = tries > 0 || batch[0]!.run.completedInTransaction;
        const outcomes = batch.map(({ outcome }) => outcome);
        this.#written(batch, await this.#deps.finish(outcomes, mayHaveEnded));
        return;
      } catch (error) {
        if (this.#deps.isDataError(error)) {
          await this.#split(batch, error as Error);
          return;
        }
        if (tries === 0 && !isOutage(error))
          this.#deps.log.warn(`Results wait to be written: ${(error as Error).message}`);
        if (this.#giveUp.signal.aborted) {
          this.#lost += batch.length;
          this.#deps.log.error(`${batch.length} results could not be written before shutdown: their jobs run again`);
          for (const settled of batch) this.#deps.onGivenUp(settled);
          return;
        }
        await pause(retryPause(tries), this.#giveUp.signal);
      }
    }
  }

  async #split(batch: readonly Settled[], error: Error): Promise<void> {
    if (batch.length > 1) {
      const half = batch.length >> 1;
      await this.#write(batch.slice(0, half));
      await this.#write(batch.slice(half));
      return;
    }
    const [settled] = batch as [Settled];
    const { run, outcome } = settled;
    const plain = withoutWhatCannotBeStored(outcome);
    if (plain === undefined) {
      this.#deps.log.error(`The end of job ${run.id} cannot be written; it runs again: ${error.message}`);
      this.#deps.onGivenUp(settled);
      return;
    }
    this.#deps.log.error(`What job ${run.id} left cannot be stored; it ends without it: ${error.message}`);
    await this.#write([{ run, outcome: plain }]);
  }

  #written(batch: readonly Settled[], refusals: readonly Refusal[]): void {
    const refused = new Map(refusals.map((refusal) => [`${refusal.key}:${refusal.run}`, refusal]));
    for (const settled of batch) {
      const { key, run } = settled.outcome;
      this.#deps.onWritten(settled, refused.size === 0 ? undefined : refused.get(`${key}:${run}`));
    }
  }
}

/** The same outcome without its result and error; undefined when it had neither. */
function withoutWhatCannotBeStored({ output, followUp, ...rest }: RunOutcome): RunOutcome | undefined {
  if (output !== null) return { ...rest, output: null };
  if (followUp?.error === undefined) return undefined;
  return { ...rest, output: null, followUp: { ...followUp, error: { message: 'The error could not be stored' } } };
}
