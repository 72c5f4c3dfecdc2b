import type { JobRun } from './job-run.js';
import { handlersOf, type ProcessorDefinition } from './processor-definition.js';

/** Jobs that take longer are not fetched ahead; of shorter ones, what will start within this time: ms. */
const AHEAD_MS = 20;
/** However short they are, no more than this are fetched ahead: two claims' worth, so that memory is bounded. */
const MOST_AHEAD = 2_000;
/** How much the newest duration counts in the average. */
const WEIGHT = 0.1;

/** One processor's places for running jobs, and what was fetched for it and waits for one. */
export class Slots {
  readonly definition: ProcessorDefinition;
  readonly #holdsConnections: boolean;
  readonly #running = new Set<JobRun>();
  #waiting: JobRun[] = [];
  /** Where the waiting ones begin: taking the first of many must not move the others. */
  #head = 0;
  #averageMs: number | undefined;
  /** Lost runs wait for a free place, and with what is fetched ahead there might never be one: nothing is meanwhile. */
  awaited = false;
  /** What was said at run time for the queue, instead of its own. */
  limit: number | undefined;
  #onQuiet: (() => void)[] = [];

  constructor(definition: ProcessorDefinition) {
    this.definition = definition;
    this.#holdsConnections = handlersOf(definition).some(({ transactional }) => transactional === true);
  }

  /** How many run at once, at most; more may still run when it was made less. The pool was found large enough for its own number. */
  get concurrency(): number {
    const { concurrency } = this.definition.options;
    if (this.limit === undefined) return concurrency;
    return this.#holdsConnections ? Math.min(this.limit, concurrency) : this.limit;
  }

  get running(): ReadonlySet<JobRun> {
    return this.#running;
  }

  /** What runs and what waits. */
  get all(): readonly JobRun[] {
    return [...this.#running, ...this.#waiting.slice(this.#head)];
  }

  get waiting(): number {
    return this.#waiting.length - this.#head;
  }

  /** Places that neither a running nor a waiting job needs. */
  get free(): number {
    return Math.max(0, this.concurrency - this.#running.size - this.waiting);
  }

  /**
   * How many jobs will start within the next 20 ms beside those that have a place; none until one has shown how long it
   * takes, none in the places of those that take longer, and none while lost runs wait for a place.
   */
  get ahead(): number {
    const ms = this.#averageMs;
    if (ms === undefined || ms >= AHEAD_MS || this.awaited) return 0;
    const quick = this.concurrency - this.#slow;
    return Math.min(MOST_AHEAD, Math.floor((quick * AHEAD_MS) / Math.max(ms, 0.001)));
  }

  /** Running jobs that have taken longer already than what is fetched ahead may. */
  get #slow(): number {
    const before = performance.now() - AHEAD_MS;
    let slow = 0;
    // in the order in which they began
    for (const { startedAt } of this.#running) {
      if (startedAt >= before) break;
      slow++;
    }
    return slow;
  }

  /** How many runs it could take now: its free places, and what is ahead once half of that is used up. */
  get room(): number {
    const { free, waiting, ahead } = this;
    return free > 0 || waiting * 2 < ahead ? free + Math.max(0, ahead - waiting) : 0;
  }

  push(run: JobRun): void {
    this.#waiting.push(run);
  }

  /** The next run, in its place now; undefined when none waits or all places are taken. */
  begin(): JobRun | undefined {
    if (this.#running.size >= this.concurrency) return undefined;
    while (this.waiting > 0) {
      const run = this.#waiting[this.#head++]!;
      if (this.waiting === 0) {
        this.#waiting = [];
        this.#head = 0;
      }
      // ended by somebody else while it waited
      if (run.settled) continue;
      this.#running.add(run);
      return run;
    }
    return undefined;
  }

  /** Its place is free again. */
  end(run: JobRun, ms: number): void {
    this.#running.delete(run);
    this.#averageMs = this.#averageMs === undefined ? ms : this.#averageMs + (ms - this.#averageMs) * WEIGHT;
    if (this.#running.size === 0 && this.#onQuiet.length > 0) {
      for (const wake of this.#onQuiet.splice(0)) wake();
    }
  }

  /** Takes out what has waited since before a time, but for what came in a batch; all of it without one. */
  takeWaiting(before = Infinity): JobRun[] {
    const waiting = this.#waiting.slice(this.#head);
    const goes = (run: JobRun): boolean => before === Infinity || (run.claimedAt < before && !run.inBatch);
    this.#waiting = waiting.filter((run) => !goes(run));
    this.#head = 0;
    return waiting.filter((run) => goes(run) && !run.settled);
  }

  /** Whether nothing runs, within a time. */
  async quiet(within: number): Promise<boolean> {
    if (this.#running.size === 0) return true;
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), within);
      this.#onQuiet.push(() => {
        clearTimeout(timer);
        resolve(true);
      });
    });
  }
}
