import type { RotationLimits } from '../engine/maintenance-engine.interface.js';
import { Upkeep } from './upkeep.js';
import { Watchman, type WatchmanDeps } from './watchman.js';

/** This process's part in looking after the database: over the other workers, and over the space. */
export class Maintenance {
  readonly #watchman: Watchman;
  readonly #upkeep: Upkeep;

  constructor(deps: WatchmanDeps, rotation?: RotationLimits) {
    this.#watchman = new Watchman(deps);
    this.#upkeep = new Upkeep(deps, rotation);
  }

  start(): void {
    this.#watchman.start();
    this.#upkeep.start();
  }

  async stop(): Promise<void> {
    await Promise.all([this.#watchman.stop(), this.#upkeep.stop()]);
  }
}
