import type { PgqueUpkeepEngine, QueueTicks } from '../../engine/pgque-upkeep.interface.js';
import { isOutage } from '../../errors/database-unavailable.error.js';
import type { Log } from '../../utils/log.js';
import { pause, retryPause } from '../../utils/pause.js';
import { toError } from '../../utils/to-error.js';
import { PgqueUpkeep } from './pgque-upkeep.js';
import { GroupLock } from './group-lock.js';

/** Who holds it looks whether there is something to tick for, for all processes. */
export const LEADER = 'pgque ticker';
/** Held while its holder ticks: who takes its place then goes on at once. */
export const TICKING = 'pgque ticking';

/** Between two rounds: ms. What PgQue's own scheduler does. */
const TICK_EVERY = 100;
/** Between two looks at what others do: ms. */
const LOOK_EVERY = 1_000;
/** How much later than it should a tick is before nobody seems to tick: ms. */
const GRACE = 5_000;
/** Who leads so soon after another was seen to tick takes its place: ms. */
const SUCCEEDS_WITHIN = 15_000;

export interface PgqueTickerDeps {
  readonly engine: PgqueUpkeepEngine;
  readonly log: Log;
  /** `auto`: only when nobody else does. */
  readonly mode: 'auto' | 'always';
  readonly want: (lock: string) => void;
  readonly release: (lock: string) => void;
}

/**
 * Ticks a PgQue installation, and looks after it, where nothing else does.
 *
 * - One process at a time; when that dies, another one.
 * - `auto`: begins when a tick is overdue by the queue's own settings, and ends when somebody else has ticked. That one knows
 *   nothing of this package's lock, so between the two an event may be delivered twice.
 * - Each queue by itself: one that fails stops no other, and is tried again later and later.
 */
export class PgqueTicker {
  readonly lock = new GroupLock('The ticker of PgQue');
  readonly #deps: PgqueTickerDeps;
  readonly #upkeep: PgqueUpkeep;
  readonly #stopping = new AbortController();
  /** What is to be ticked: its last tick when it was looked at, and how many this process has made since. */
  readonly #known = new Map<string, { readonly tick: string; own: number }>();
  readonly #failing = new Map<string, { tries: number; notBefore: number }>();
  #active = false;
  #lookAt = 0;
  /** When another process of this package was last seen to tick (performance.now()). */
  #othersTicked = -Infinity;
  #loop: Promise<void> | undefined;

  constructor(deps: PgqueTickerDeps) {
    this.#deps = deps;
    this.#upkeep = new PgqueUpkeep(deps);
  }

  start(): void {
    this.#loop ??= this.#run();
    this.#deps.want(LEADER);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
    this.lock.close();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    let tries = 0;
    while (!signal.aborted) {
      try {
        if (!this.lock.held) await this.#follow();
        else if (!this.#active) await this.#watch();
        else await this.#round();
        tries = 0;
      } catch (error) {
        if (!isOutage(error)) this.#deps.log.error(`PgQue's ticks could not be looked at: ${toError(error).message}`);
        await pause(retryPause(tries++), signal);
      }
    }
  }

  async #follow(): Promise<void> {
    this.#active = false;
    if (await this.#deps.engine.isHeld(TICKING)) this.#othersTicked = performance.now();
    await pause(LOOK_EVERY, this.#stopping.signal);
  }

  async #watch(): Promise<void> {
    const { engine, mode, log, want } = this.#deps;
    const queues = await engine.ticks();
    const overdue = queues.find(isOverdue);
    const succeeds = performance.now() - this.#othersTicked < SUCCEEDS_WITHIN;
    if (mode === 'auto' && !succeeds && overdue === undefined) {
      await pause(LOOK_EVERY, this.#stopping.signal);
      return;
    }
    if (mode === 'auto' && !succeeds) {
      log.log(
        `Nobody ticks PgQue: queue '${overdue!.queue}' had no tick for ${Math.round(overdue!.age / 1000)} s. This process does, as long as nobody else does`,
      );
    }
    this.#othersTicked = -Infinity;
    this.#active = true;
    this.#remember(queues);
    want(TICKING);
  }

  async #round(): Promise<void> {
    const { signal } = this.#stopping;
    if (performance.now() >= this.#lookAt) {
      const queues = await this.#deps.engine.ticks(this.#known);
      const foreign = queues.find(({ queue, since }) => since > (this.#known.get(queue)?.own ?? 0));
      if (foreign !== undefined && this.#deps.mode === 'auto') {
        this.#yield(foreign);
        return;
      }
      this.#remember(queues);
    }
    for (const queue of this.#known.keys()) {
      if (signal.aborted || !this.lock.held) return;
      await this.#tick(queue);
    }
    await this.#upkeep.round(this.#known.keys(), signal);
    await pause(TICK_EVERY, signal);
  }

  #yield({ queue }: QueueTicks): void {
    this.#deps.log.log(`Somebody else ticks PgQue's '${queue}': this process does no more`);
    this.#active = false;
    this.#deps.release(TICKING);
  }

  #remember(queues: readonly QueueTicks[]): void {
    this.#lookAt = performance.now() + LOOK_EVERY;
    this.#known.clear();
    for (const { queue, tick } of queues) this.#known.set(queue, { tick, own: 0 });
  }

  async #tick(queue: string): Promise<void> {
    const failing = this.#failing.get(queue);
    if (failing !== undefined && performance.now() < failing.notBefore) return;
    try {
      const tick = await this.#deps.engine.tick(queue);
      if (tick !== undefined) this.#known.get(queue)!.own++;
      this.#failing.delete(queue);
    } catch (error) {
      if (isOutage(error)) throw error;
      const tries = failing?.tries ?? 0;
      if (tries === 0) this.#deps.log.error(`PgQue's '${queue}' could not be ticked: ${toError(error).message}`);
      this.#failing.set(queue, { tries: tries + 1, notBefore: performance.now() + retryPause(tries) });
    }
  }
}

function isOverdue({ age, idlePeriod, maxLag, waiting }: QueueTicks): boolean {
  return age > (waiting ? Math.min(maxLag, idlePeriod) : idlePeriod) + GRACE;
}
