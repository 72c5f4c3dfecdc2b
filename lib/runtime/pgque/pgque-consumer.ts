import type { PgqueBatch, PgqueEngine } from '../../engine/pgque-engine.interface.js';
import { isOutage } from '../../errors/database-unavailable.error.js';
import { ShutdownError } from '../../errors/shutdown.error.js';
import type { Log } from '../../utils/log.js';
import { firstAbort } from '../../utils/first-abort.js';
import { pause, retryPause } from '../../utils/pause.js';
import { toError } from '../../utils/to-error.js';
import { type BatchOutcome, BatchWork } from './batch-work.js';
import { GroupLock } from './group-lock.js';
import type { PgqueGroup } from './pgque-group.js';

/** After its signal was aborted a handler has so long to end: ms. */
const TO_REACT = 1_000;
/** The longest pause between polls while LISTEN is not there: ms. */
const POLL_INTERVAL_UNHEARD = 1_000;
/** A window that is empty is followed by one twice as long, of this many seconds at least. */
const SHORTEST_WINDOW = 0.001;

export interface PgqueConsumerDeps {
  readonly engine: PgqueEngine;
  readonly group: PgqueGroup;
  readonly log: Log;
  isListening(): boolean;
}

/** Whether to look for the next batch at once, when something wakes, or after a poll interval whatever happens. */
type Next = 'at once' | 'idle' | 'later';

/**
 * Reads a queue of PgQue for one consumer: batch after batch, for as long as this process has the group.
 *
 * - A batch ends when each of its events was handled, and those that failed are given back in the same transaction. One that
 *   cannot be ended stays open, and comes again as a whole.
 * - Sleeps only when nothing was ticked since.
 */
export class PgqueConsumer {
  readonly lock: GroupLock;
  readonly #deps: PgqueConsumerDeps;
  #stopping = new AbortController();
  /** Aborts when shutdown has waited for long enough, and again when handlers had their time to react. */
  #deadline = new AbortController();
  #abandon = new AbortController();
  #wake = new AbortController();
  #loop: Promise<void> | undefined;
  /** A batch whose position a handler committed: it is gone by then, or that was rolled back. */
  #committed: string | undefined;
  #complained = false;

  constructor(deps: PgqueConsumerDeps) {
    this.#deps = deps;
    this.lock = new GroupLock(this.#name);
  }

  start(): void {
    this.#loop ??= this.#run();
  }

  /** Begins nothing more, waits for the handlers that run; resolves when all is quiet. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.wake();
    const { shutdownTimeout } = this.#deps.group.options;
    const deadline = setTimeout(() => {
      this.#deadline.abort(
        new ShutdownError(`${this.#name} is being stopped, and waited ${shutdownTimeout} ms for its handlers`),
      );
    }, shutdownTimeout);
    const abandon = setTimeout(() => this.#abandon.abort(), shutdownTimeout + TO_REACT);
    await this.#loop;
    clearTimeout(deadline);
    clearTimeout(abandon);
    this.lock.close();
  }

  /** There may be something new. */
  wake(): void {
    this.#wake.abort();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    let tries = 0;
    while (!signal.aborted) {
      if (!(await this.lock.whenHeld(signal))) continue;
      this.#wake = new AbortController();
      try {
        const next = await this.#drain();
        tries = 0;
        if (next !== 'later') this.#complained = false;
        // a tick every second would make a hot loop of what fails
        await pause(this.#pauseBefore(next), next === 'later' ? signal : this.#wake.signal);
      } catch (error) {
        // an outage is the connection's to say
        if (!isOutage(error)) this.#complain(`cannot go on yet: ${toError(error).message}`);
        await pause(retryPause(tries++), signal);
      }
    }
  }

  #pauseBefore(next: Next): number {
    const { pollInterval } = this.#deps.group.options;
    if (next === 'at once') return 0;
    return next === 'later' || this.#deps.isListening() ? pollInterval : Math.min(pollInterval, POLL_INTERVAL_UNHEARD);
  }

  /** Takes batches until there is none. */
  async #drain(): Promise<Next> {
    const { engine, group } = this.#deps;
    let seconds: number | undefined;
    while (this.lock.held && !this.#stopping.signal.aborted) {
      const batch = await engine.nextBatch(group.queue, group.consumer, seconds);
      if (batch === undefined) {
        // one that is longer than what was ticked since is none
        if (seconds === undefined) return 'idle';
        seconds = undefined;
        continue;
      }
      if (batch.id === this.#committed) {
        this.#committed = undefined;
        this.#complain(
          `delivers batch ${batch.id} again: its transaction was rolled back after commitIn(), and the handler did not fail`,
        );
        return 'later';
      }
      const outcome = await this.#work(batch);
      if (outcome === undefined) return 'at once';
      if (!(await this.#end(batch, outcome))) return outcome.complete ? 'later' : 'at once';
      // ticks come on an idle queue too: a day of them is over in some steps
      seconds = outcome.handled === 0 ? Math.max(batch.seconds * 2, SHORTEST_WINDOW) : undefined;
    }
    return 'at once';
  }

  /** Undefined: handlers still run, and nobody waits for them any more. */
  async #work({ id }: PgqueBatch): Promise<BatchOutcome | undefined> {
    const { engine, group } = this.#deps;
    const { term } = this.lock;
    const { signal: stopping } = this.#stopping;
    const told = firstAbort(term, this.#deadline.signal);
    const work = new BatchWork({
      engine,
      group,
      batchId: id,
      signal: told.signal,
      mayBegin: async () => (await this.lock.whenHeld(stopping)) && !term.aborted,
    }).run();
    const outcome = await unlessAborted(work.finally(told.release), this.#abandon.signal);
    if (outcome === undefined) {
      this.#deps.log.warn(`${this.#name}: handlers still run after shutdown: batch ${id} is delivered again`);
    }
    return outcome;
  }

  /** Whether the batch has ended. */
  async #end({ id }: PgqueBatch, outcome: BatchOutcome): Promise<boolean> {
    const { log } = this.#deps;
    const { handled, complete, failures, committed, impossible } = outcome;
    if (impossible !== undefined) {
      this.#complain(`stays before batch ${id}: ${impossible}`);
      return false;
    }
    if (!complete) {
      log.warn(
        `${this.#name}: batch ${id} is left before its end, and comes again with the ${handled} events of it that were handled`,
      );
      return false;
    }
    if (committed) {
      this.#committed = id;
      return true;
    }
    for (let tries = 0; ; tries++) {
      try {
        if (!(await this.#deps.engine.settle(id, failures))) {
          log.warn(`${this.#name}: batch ${id} had been ended by somebody else`);
        }
        return true;
      } catch (error) {
        if (!isOutage(error)) {
          this.#complain(`could not end batch ${id}, which comes again: ${toError(error).message}`);
          return false;
        }
        // all of it was handled: it need not be again because the database is away
        if (this.#deadline.signal.aborted) throw error;
        await pause(retryPause(tries), this.#deadline.signal);
      }
    }
  }

  /** Once, until something goes well. */
  #complain(what: string): void {
    if (this.#complained) return;
    this.#complained = true;
    this.#deps.log.error(`${this.#name} ${what}`);
  }

  get #name(): string {
    const { queue, consumer, label } = this.#deps.group;
    return `Group '${consumer}' of PgQue's '${queue}' (${label})`;
  }
}

async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => resolve(undefined);
    signal.addEventListener('abort', giveUp);
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', giveUp));
  });
}
