import type { PgqueUpkeepEngine } from '../../engine/pgque-upkeep.interface.js';
import { isOutage } from '../../errors/database-unavailable.error.js';
import type { Log } from '../../utils/log.js';
import { toError } from '../../utils/to-error.js';

/** How often what was nacked is looked at: ms. */
const RETRY_EVERY = 1_000;
/** How often tables are rotated that are due: ms. As PgQue's own scheduler does. */
const ROTATE_EVERY = 30_000;

/**
 * What a PgQue installation needs besides ticks.
 *
 * - What was nacked and is due comes again at once, all of it, before the next tick.
 * - The two halves of a rotation are two transactions. One queue that fails stops no other.
 */
export class PgqueUpkeep {
  readonly #engine: PgqueUpkeepEngine;
  readonly #log: Log;
  #retryAt = 0;
  #rotateAt = 0;

  constructor({ engine, log }: { engine: PgqueUpkeepEngine; log: Log }) {
    this.#engine = engine;
    this.#log = log;
  }

  /** Does what is due. */
  async round(queues: Iterable<string>, signal: AbortSignal): Promise<void> {
    if (performance.now() >= this.#retryAt) {
      this.#retryAt = performance.now() + RETRY_EVERY;
      await this.#orSay('hand out again what was nacked', async () => {
        while (!signal.aborted && (await this.#engine.retry()) > 0);
      });
    }
    if (performance.now() < this.#rotateAt || signal.aborted) return;
    this.#rotateAt = performance.now() + ROTATE_EVERY;
    try {
      await this.#engine.rotate();
    } catch (error) {
      if (isOutage(error)) throw error;
      // it stops at the first queue that fails
      for (const queue of queues) {
        await this.#orSay(`rotate the tables of '${queue}'`, async () => this.#engine.rotateQueue(queue));
      }
    }
    await this.#orSay('end rotations', async () => this.#engine.finishRotation());
  }

  async #orSay(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (isOutage(error)) throw error;
      this.#log.error(`PgQue could not ${what}: ${toError(error).message}`);
    }
  }
}
