import type { WorkerEngine } from '../engine/worker-engine.interface.js';
import type { Log } from '../utils/log.js';
import type { RunExecutor } from './run-executor.js';

/** How often it is asked, of runs that came so long ago: ms. Together less than a second. */
const ASK_EVERY = 600;
const CAME_BEFORE = 300;
/** Runs of a queue that are asked for at once. */
const MOST = 1_000;

export interface TakenRunsDeps {
  readonly engine: Pick<WorkerEngine, 'runsTaken'>;
  executors(): Iterable<[queueId: number, executor: RunExecutor]>;
  readonly log: Log;
}

/**
 * Finds the runs of this process that others have ended, cancelled or recovered, so that their signals abort within a
 * second: asks now and then, and at once when it is told so.
 */
export class TakenRuns {
  readonly #deps: TakenRunsDeps;
  #timer: NodeJS.Timeout | undefined;
  #asking = false;

  constructor(deps: TakenRunsDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#timer ??= setInterval(() => void this.#ask(this.#deps.executors(), CAME_BEFORE), ASK_EVERY);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Somebody has ended a run of this queue. */
  told(queueId: number, executor: RunExecutor): void {
    void this.#ask([[queueId, executor]], 0);
  }

  async #ask(executors: Iterable<[number, RunExecutor]>, cameBefore: number): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    try {
      for (const [queueId, executor] of executors) {
        const runs = executor.open(cameBefore).slice(0, MOST);
        if (runs.length > 0) executor.taken(await this.#deps.engine.runsTaken(queueId, runs));
      }
    } catch (error) {
      this.#deps.log.debug?.(`Whether jobs were cancelled is not known yet: ${String(error)}`);
    } finally {
      this.#asking = false;
    }
  }
}
