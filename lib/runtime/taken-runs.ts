import type { ClaimedRun, WorkerEngine } from '../engine/worker-engine.interface.js';
import type { Log } from '../utils/log.js';
import type { RunExecutor } from './run-executor.js';

/** How often it is asked, of runs that came so long ago: ms. Together less than a second. */
const ASK_EVERY = 600;
const CAME_BEFORE = 300;
/** Runs in one question. */
const MOST = 1_000;

export interface TakenRunsDeps {
  readonly engine: Pick<WorkerEngine, 'runsTaken'>;
  executors(): Iterable<[queueId: number, executor: RunExecutor]>;
  readonly log: Log;
}

/**
 * Finds the runs of this process that others have ended, cancelled or recovered, so that their signals abort within a
 * second: asks now and then, and at once when it is told so, or once the question under way is answered.
 */
export class TakenRuns {
  readonly #deps: TakenRunsDeps;
  #timer: NodeJS.Timeout | undefined;
  #asking = false;
  /** Queues of which it was told, and has not asked since. */
  readonly #told = new Map<number, RunExecutor>();

  constructor(deps: TakenRunsDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#timer ??= setInterval(() => void this.#ask(this.#deps.executors(), CAME_BEFORE), ASK_EVERY);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#told.clear();
  }

  /** Somebody has ended a run of this queue. */
  told(queueId: number, executor: RunExecutor): void {
    this.#told.set(queueId, executor);
    void this.#ask([], 0);
  }

  async #ask(executors: Iterable<[number, RunExecutor]>, cameBefore: number): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    try {
      for (const [queueId, executor] of executors) await this.#askFor(queueId, executor.open(cameBefore), executor);
      // a map's iterator meets what is added on the way, too
      for (const [queueId, executor] of this.#told) {
        this.#told.delete(queueId);
        await this.#askFor(queueId, executor.open(0), executor);
      }
    } catch (error) {
      this.#deps.log.debug?.(`Whether jobs were cancelled is not known yet: ${String(error)}`);
    } finally {
      this.#asking = false;
    }
  }

  async #askFor(queueId: number, runs: readonly ClaimedRun[], executor: RunExecutor): Promise<void> {
    for (let from = 0; from < runs.length; from += MOST) {
      executor.taken(await this.#deps.engine.runsTaken(queueId, runs.slice(from, from + MOST)));
    }
  }
}
