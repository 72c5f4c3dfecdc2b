import type { MaintenanceEngine } from '../engine/maintenance-engine.interface.js';
import type { Log } from '../utils/log.js';
import { DeathWatch } from './death-watch.js';
import { recoverWorker } from './recover-worker.js';

/** Between two looks at the other workers: ms. */
const LOOK_EVERY = 500;
/** What is left of a dead worker is looked for again after a pause that doubles up to this: ms. It takes a look at all leases. */
const LONGEST_PAUSE = 30_000;

/** A dead worker of whom something is left. */
interface Unfinished {
  readonly pause: number;
  readonly from: number;
}

export interface WatchmanDeps {
  readonly engine: MaintenanceEngine;
  readonly log: Log;
  /** This process's own id as a worker: others judge it. */
  self(): string;
  /** Jobs of a queue were recovered. */
  onStalled(queueId: number, jobIds: readonly string[]): void;
}

/**
 * Watches over all workers of the database, and recovers what the dead ones held. Every process does: whoever watches has
 * seen enough to judge when another dies, and it does not matter who acts first.
 */
export class Watchman {
  readonly #deps: WatchmanDeps;
  readonly #watch = new DeathWatch();
  readonly #unfinished = new Map<string, Unfinished>();
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;

  constructor(deps: WatchmanDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#timer ??= setInterval(() => {
      this.#looking ??= this.#look().finally(() => {
        this.#looking = undefined;
      });
    }, LOOK_EVERY);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    await this.#looking;
  }

  async #look(): Promise<void> {
    const { engine, log } = this.#deps;
    try {
      const asked = performance.now();
      const seen = (await engine.workersSeen()).filter(({ worker }) => worker !== this.#deps.self());
      // by the time it was asked: an answer that comes late says nothing of now
      const stale = this.#watch.look(
        asked,
        seen.filter(({ dead }) => !dead),
      );
      const unheld = stale.length === 0 ? new Set<string>() : await engine.unheld(stale);
      for (const { worker, pulse, force } of this.#watch.judge(asked, unheld)) {
        if (await engine.bury(worker, pulse, force)) log.warn(`Worker ${worker} is gone: its jobs are recovered`);
      }
      await this.#recover(new Set(seen.filter(({ dead }) => dead).map(({ worker }) => worker)));
    } catch (error) {
      log.debug?.(`Looking after the other workers failed, trying on: ${String(error)}`);
    }
  }

  async #recover(dead: ReadonlySet<string>): Promise<void> {
    for (const worker of this.#unfinished.keys()) if (!dead.has(worker)) this.#unfinished.delete(worker);
    for (const worker of dead) {
      const last = this.#unfinished.get(worker);
      if (last !== undefined && performance.now() < last.from) continue;
      if (await recoverWorker(worker, this.#deps)) continue;
      const pause = Math.min(LONGEST_PAUSE, (last?.pause ?? LOOK_EVERY / 2) * 2);
      this.#unfinished.set(worker, { pause, from: performance.now() + pause });
    }
  }
}
