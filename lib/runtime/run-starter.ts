import type { JobRun } from './job-run.js';
import type { Slots } from './slots.js';

/** Jobs are started for this long at a time; then timers and requests get their turn: ms. */
const TURN = 5;
/** How often the clock is looked at while jobs are started. */
const STARTS_PER_LOOK = 16;

export interface RunStarterDeps {
  readonly slots: readonly Slots[];
  start(run: JobRun): void;
  /** It has yielded, and gone on: there may be room again. */
  onTurn(): void;
}

/**
 * Starts what waits, as far as there are places for it.
 *
 * - It yields to the event loop every few milliseconds, however short the jobs are.
 */
export class RunStarter {
  readonly #deps: RunStarterDeps;
  #starting = false;
  #yielding = false;
  #turnBegan = 0;
  #starts = 0;

  constructor(deps: RunStarterDeps) {
    this.#deps = deps;
  }

  /** Whoever called was called by the event loop just now: there is a whole turn. */
  turn(now: number): void {
    this.#turnBegan = now;
    this.start();
  }

  start(): void {
    // a handler that ends at once comes back here: the loop below goes on by itself
    if (this.#starting || this.#yielding) return;
    this.#starting = true;
    for (const slots of this.#deps.slots) {
      for (let run = slots.begin(); run !== undefined; run = slots.begin()) {
        this.#deps.start(run);
        if (++this.#starts % STARTS_PER_LOOK === 0 && performance.now() - this.#turnBegan > TURN) {
          this.#yield();
          this.#starting = false;
          return;
        }
      }
    }
    this.#starting = false;
  }

  #yield(): void {
    this.#yielding = true;
    setImmediate(() => {
      this.#yielding = false;
      this.turn(performance.now());
      this.#deps.onTurn();
    });
  }
}
