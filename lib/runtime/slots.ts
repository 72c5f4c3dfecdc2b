import type { ProcessorDefinition } from './processor-definition.js';
import type { JobRun } from './job-run.js';

/** Jobs that take longer are not fetched ahead; of shorter ones, what will start within this time: ms. */
const AHEAD_MS = 20;
/** How much the newest duration counts in the average. */
const WEIGHT = 0.1;

/** One processor's places for running jobs, and what was fetched for it and waits for one. */
export class Slots {
  readonly definition: ProcessorDefinition;
  running = 0;
  #buffer: JobRun[] = [];
  #head = 0;
  #averageMs: number | undefined;

  constructor(definition: ProcessorDefinition) {
    this.definition = definition;
  }

  get concurrency(): number {
    return this.definition.options.concurrency;
  }

  get buffered(): number {
    return this.#buffer.length - this.#head;
  }

  /** Places that neither a running nor a waiting job needs. */
  get free(): number {
    return Math.max(0, this.concurrency - this.running - this.buffered);
  }

  /** How many jobs will start within the next 20 ms beside those that have a place; none until one has shown how long it takes. */
  get ahead(): number {
    const ms = this.#averageMs;
    return ms === undefined || ms >= AHEAD_MS ? 0 : Math.floor((this.concurrency * AHEAD_MS) / Math.max(ms, 0.001));
  }

  took(ms: number): void {
    this.#averageMs = this.#averageMs === undefined ? ms : this.#averageMs + (ms - this.#averageMs) * WEIGHT;
  }

  push(run: JobRun): void {
    this.#buffer.push(run);
  }

  /** The next run that can start now. */
  next(): JobRun | undefined {
    if (this.running >= this.concurrency || this.#head === this.#buffer.length) return undefined;
    const run = this.#buffer[this.#head]!;
    this.#head++;
    if (this.#head === this.#buffer.length) {
      this.#buffer = [];
      this.#head = 0;
    }
    return run;
  }

  /** Takes out what has waited since before a time; all of it without one. */
  takeWaiting(before = Infinity): JobRun[] {
    const waiting = this.#buffer.slice(this.#head);
    this.#buffer = waiting.filter((run) => run.claimedAt >= before);
    this.#head = 0;
    return waiting.filter((run) => run.claimedAt < before);
  }
}
