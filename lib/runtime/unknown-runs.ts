import type { OpenRun, WorkerEngine } from '../engine/worker-engine.interface.js';
import type { Log } from '../utils/log.js';
import { handBack } from './follow-up.js';

/** A run that was handed out so long ago is known to its process, or its answer is lost: ms. */
const KNOWN_AFTER = 10_000;
/** Without LISTEN nothing says that the server was away: it is looked now and then. */
const LOOK_EVERY = 300_000;

export interface UnknownRunsDeps {
  readonly engine: Pick<WorkerEngine, 'openRuns' | 'finish'>;
  worker(): string;
  isListening(): boolean;
  /** Whether the process holds a run, or cannot say yet. */
  holds(queueId: number, run: OpenRun): boolean;
  readonly log: Log;
}

/**
 * Hands back what this process holds by the database and knows nothing of: after a failover that lost a result, its lease
 * may stand, of a worker that lives, and nobody would run the job again. No attempt is charged.
 *
 * - Looks some seconds after each reconnection, and now and then where nothing tells of one. Not when it has
 *   just begun and listens for the first time: it has ended nothing that could have been lost.
 * - A result that is written meanwhile is no harm: the run is refused then.
 */
export class UnknownRuns {
  readonly #deps: UnknownRunsDeps;
  #soon: NodeJS.Timeout | undefined;
  #often: NodeJS.Timeout | undefined;
  #newUntil = 0;
  #looking: Promise<void> | undefined;

  constructor(deps: UnknownRunsDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#newUntil = performance.now() + KNOWN_AFTER;
    this.#often ??= setInterval(() => {
      if (!this.#deps.isListening()) this.#look();
    }, LOOK_EVERY);
  }

  /** It listens, again perhaps: the database may be another than before. */
  listening(): void {
    if (performance.now() >= this.#newUntil) this.#lookSoon();
    this.#newUntil = 0;
  }

  #lookSoon(): void {
    if (this.#often === undefined) return;
    clearTimeout(this.#soon);
    this.#soon = setTimeout(() => this.#look(), KNOWN_AFTER + 1_000);
  }

  async stop(): Promise<void> {
    clearTimeout(this.#soon);
    clearInterval(this.#often);
    this.#often = undefined;
    await this.#looking;
  }

  #look(): void {
    this.#looking ??= this.#handBack().finally(() => {
      this.#looking = undefined;
    });
  }

  async #handBack(): Promise<void> {
    const { engine, log } = this.#deps;
    const worker = this.#deps.worker();
    try {
      const unknown = (await engine.openRuns(worker, KNOWN_AFTER)).filter((run) => !this.#deps.holds(run.queueId, run));
      for (const [queueId, runs] of byQueue(unknown)) {
        const outcomes = runs.map(({ key, run, lease, isBatch }) => ({
          key,
          run,
          lease,
          ran: 0,
          output: null,
          followUp: { ...handBack('front'), ...(isBatch && { batch: lease.n, lane: lease.lane }) },
        }));
        await engine.finish(worker, queueId, outcomes, true);
      }
      if (unknown.length > 0) {
        const jobs = unknown.map(({ key }) => key).join(', ');
        log.warn(`What this process made of these jobs is not in the database (a failover?), they run again: ${jobs}`);
      }
    } catch (error) {
      log.debug?.(`Whether jobs are held that nobody knows of is not known yet: ${String(error)}`);
      this.#lookSoon();
    }
  }
}

function byQueue(runs: readonly OpenRun[]): Map<number, OpenRun[]> {
  const queues = new Map<number, OpenRun[]>();
  for (const run of runs) queues.set(run.queueId, [...(queues.get(run.queueId) ?? []), run]);
  return queues;
}
