import type {
  GroupCheck,
  MaintenanceEngine,
  RotationLimits,
  UpkeepTask,
} from '../engine/maintenance-engine.interface.js';
import { reportGroup } from './streams/report-group.js';
import { recoverWorker, type RecoverDeps } from './recover-worker.js';

/** Between two looks at what is due, at least, and up to twice that: ms. Random, so that processes take turns. */
const PAUSE = 3_000;
/** A segment takes new rows until it is so old or large. */
const LIMITS: RotationLimits = { rows: 1_000_000, bytes: 256 * 1024 * 1024, age: 600_000 };

/**
 * Does what is due of the log's upkeep: rotates and reclaims its segments, deletes old dead jobs, finds what nobody
 * holds, and groups that do not come to take their events.
 *
 * - Each task in a transaction of its own, and one process at a time; whichever comes first takes it.
 * - `stop()` breaks off what takes long.
 * - A task that fails is said once, and tried again with the next look; it stops no other.
 */
export class Upkeep {
  readonly #deps: RecoverDeps;
  readonly #limits: RotationLimits;
  readonly #pause: number;
  readonly #failing = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #working: Promise<void> | undefined;
  #running = false;
  #stopping = new AbortController();

  constructor(deps: RecoverDeps, limits: RotationLimits = LIMITS, pause = PAUSE) {
    this.#deps = deps;
    this.#limits = limits;
    this.#pause = pause;
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#stopping = new AbortController();
    this.#lookLater();
  }

  async stop(): Promise<void> {
    this.#running = false;
    this.#stopping.abort();
    clearTimeout(this.#timer);
    await this.#working;
  }

  #lookLater(): void {
    this.#timer = setTimeout(
      () => {
        this.#working = this.#look().finally(() => {
          if (this.#running) this.#lookLater();
        });
      },
      this.#pause * (1 + Math.random()),
    );
  }

  async #look(): Promise<void> {
    const { engine } = this.#deps;
    const due = await this.#attempt('what is due', async () => engine.dueTasks(this.#limits));
    for (const task of due ?? []) {
      if (!this.#running) return;
      await this.#attempt(describe(task), async () => this.#do(task));
    }
  }

  async #do(due: UpkeepTask): Promise<void> {
    const { engine } = this.#deps;
    switch (due.task) {
      case 'rotate':
        await engine.rotate(due.ring);
        break;
      case 'settle':
        await engine.settle(due.ring);
        break;
      case 'reclaim':
        await engine.reclaim(due.ring, due.segment, this.#stopping.signal);
        break;
      case 'dead':
        if (await engine.take('dead')) await this.#purgeDead(engine);
        break;
      case 'drained':
        if (await engine.take('drained')) await engine.purgeDrained();
        break;
      case 'behind':
        if (await engine.take('behind')) await this.#lookAfterStreams(engine);
        break;
      case 'orphans':
        if (await engine.take('orphans')) {
          for (const worker of await engine.orphans()) await recoverWorker(worker, this.#deps);
        }
        break;
    }
  }

  async #purgeDead(engine: MaintenanceEngine): Promise<void> {
    for (const queueId of await engine.queueIds()) {
      await this.#attempt(`dead jobs of queue ${queueId}`, async () => {
        while (this.#running && (await engine.purgeDead(queueId)) > 0);
      });
    }
  }

  async #lookAfterStreams(engine: MaintenanceEngine): Promise<void> {
    for (const groupId of await engine.groupIds()) {
      await this.#attempt(`group ${groupId}`, async () => {
        let check: GroupCheck | undefined;
        do check = await engine.checkGroup(groupId);
        while (this.#running && check?.more === true);
        if (check !== undefined) reportGroup(check, this.#deps.log);
      });
    }
    await engine.noteStreams();
  }

  async #attempt<T>(what: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      const done = await work();
      this.#failing.delete(what);
      return done;
    } catch (error) {
      if (!this.#running) return undefined;
      if (!this.#failing.has(what)) this.#deps.log.warn(`Upkeep (${what}) failed, trying on: ${String(error)}`);
      this.#failing.add(what);
      return undefined;
    }
  }
}

function describe(due: UpkeepTask): string {
  return 'ring' in due ? `${due.task} ${due.ring}${'segment' in due ? ` ${due.segment}` : ''}` : due.task;
}
