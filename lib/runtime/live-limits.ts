import type { WorkerEngine } from '../engine/worker-engine.interface.js';
import type { Log } from '../utils/log.js';

/** How long a change may go unheard, its notification lost or LISTEN not there: ms. */
const ASK_EVERY = 5_000;

export interface LiveLimitsDeps {
  readonly engine: Pick<WorkerEngine, 'limits'>;
  queueIds(): readonly number[];
  /** `undefined`: nothing is said for the queue. */
  apply(queueId: number, limit: number | undefined): void;
  readonly log: Log;
}

/**
 * The concurrency that is said for queues at run time: asked for at the start, when this process is told of a change, and now and
 * then.
 *
 * - One question at a time; a change that it is told of meanwhile is asked for once more.
 */
export class LiveLimits {
  readonly #deps: LiveLimitsDeps;
  #timer: NodeJS.Timeout | undefined;
  #asking = false;
  #again = false;

  constructor(deps: LiveLimitsDeps) {
    this.#deps = deps;
  }

  /** Resolves when they hold. */
  async start(): Promise<void> {
    await this.#ask();
    this.#timer ??= setInterval(() => this.changed(), ASK_EVERY);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  changed(): void {
    this.#again = true;
    if (!this.#asking) void this.#askOn();
  }

  async #askOn(): Promise<void> {
    this.#asking = true;
    try {
      while (this.#again) {
        this.#again = false;
        await this.#ask();
      }
    } catch (error) {
      this.#deps.log.debug?.(`Whether the concurrency of queues was changed is not known yet: ${String(error)}`);
    } finally {
      this.#asking = false;
    }
  }

  async #ask(): Promise<void> {
    const queueIds = this.#deps.queueIds();
    const limits = queueIds.length === 0 ? new Map<number, number>() : await this.#deps.engine.limits(queueIds);
    for (const queueId of queueIds) this.#deps.apply(queueId, limits.get(queueId));
  }
}
