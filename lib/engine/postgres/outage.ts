import type { Log } from '../../utils/log.js';
import { pause, retryPause } from '../../utils/pause.js';
import { describeFault } from './connection-faults.js';

/** One that follows another within this time is the same one, which comes and goes: not said again, the pauses go on growing. */
const SAME = 10_000;
/** Pauses double up to this many times: to 0.8–1.6 s. */
const DOUBLINGS = 4;

/**
 * A time in which the database cannot be reached: one tries for all, and the others wait for it.
 *
 * - Tries only while somebody waits. Said once when it begins and once when it is over, whoever and how many wait.
 */
export class Outage {
  readonly #log: Log;
  readonly #probe: () => Promise<void>;
  readonly #waiting = new Set<(over: boolean) => void>();
  readonly #closing = new AbortController();
  #since: number | undefined;
  #reason: unknown;
  #said = false;
  #quietUntil = -Infinity;
  #endedAt = -Infinity;
  #tries = 0;
  #probing = false;

  /** `probe` connects once, and throws why that did not work. */
  constructor(log: Log, probe: () => Promise<void>) {
    this.#log = log;
    this.#probe = probe;
  }

  get on(): boolean {
    return this.#since !== undefined;
  }

  /** Why the last try failed; undefined when there is no outage. */
  get reason(): unknown {
    return this.on ? this.#reason : undefined;
  }

  /** A try failed: an outage begins, or goes on. */
  failed(reason: unknown): void {
    const now = performance.now();
    this.#reason = reason;
    if (this.#since === undefined) {
      this.#since = now;
      if (now - this.#endedAt > SAME) this.#tries = 0;
    }
    if (this.#said || now < this.#quietUntil) return;
    this.#said = true;
    this.#log.warn(`The database cannot be reached (${describeFault(reason)}): trying on`);
  }

  /** Resolves when it is over, or something has changed; to false when it was not by the deadline (performance.now()). */
  async over(deadline: number): Promise<boolean> {
    if (!this.on) return true;
    return new Promise((resolve) => {
      const done = (over: boolean): void => {
        clearTimeout(timer);
        this.#waiting.delete(done);
        resolve(over);
      };
      const timer = setTimeout(done, deadline - performance.now(), false);
      this.#waiting.add(done);
      void this.#run();
    });
  }

  /** A client became free: one of those who wait can have it. */
  wakeOne(): void {
    const [first] = this.#waiting;
    first?.(true);
  }

  /** Nobody waits any longer. */
  close(): void {
    this.#closing.abort();
    for (const done of this.#waiting) done(true);
  }

  async #run(): Promise<void> {
    if (this.#probing) return;
    this.#probing = true;
    while (this.on && this.#waiting.size > 0) {
      await pause(retryPause(Math.min(this.#tries++, DOUBLINGS)), this.#closing.signal);
      // whoever waited may have given up meanwhile
      if (this.#waiting.size > 0) await this.#try();
    }
    this.#probing = false;
  }

  async #try(): Promise<void> {
    try {
      await this.#probe();
      this.#end();
    } catch (error) {
      this.failed(error);
    }
  }

  #end(): void {
    const now = performance.now();
    if (this.#said) {
      this.#log.log(`The database is reached again after ${((now - this.#since!) / 1000).toFixed(1)} s`);
      this.#said = false;
      this.#quietUntil = now + SAME;
    }
    this.#since = undefined;
    this.#endedAt = now;
    for (const done of this.#waiting) done(true);
  }
}
