import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import type { JobEngine } from '../engine/job-engine.interface.js';
import type { StreamEngine } from '../engine/stream-engine.interface.js';
import { parseWake, type Wake, type WakeUpListener } from '../engine/wake-up.interface.js';
import type { HandledNames, WorkerEngine } from '../engine/worker-engine.interface.js';
import type { DataLimits } from '../queue/job-data.js';
import type { Log } from '../utils/log.js';
import type { MaintenanceEngine, RotationLimits } from '../engine/maintenance-engine.interface.js';
import { LeaseLostError } from '../errors/lease-lost.error.js';
import { Heartbeat } from './heartbeat.js';
import { LiveLimits } from './live-limits.js';
import { Maintenance } from './maintenance.js';
import type { ProcessorDefinition } from './processor-definition.js';
import { QueueWorker } from './queue-worker.js';
import { Routes } from './routes.js';
import { RunExecutor } from './run-executor.js';
import { SuspectPlace } from './suspect-place.js';
import { tell } from './tell.js';
import { TakenRuns } from './taken-runs.js';
import { type GroupDefinition, groupProcessors } from './streams/group-processor.js';
import type { StreamConsumerDefinition } from './streams/stream-consumer-definition.js';
import { UnknownRuns } from './unknown-runs.js';

const POLL_INTERVAL = 5_000;
/** The longest pause between polls while LISTEN is not there. */
const POLL_INTERVAL_UNHEARD = 1_000;

export interface QueueRuntimeDeps {
  readonly engine: WorkerEngine;
  readonly jobs: JobEngine;
  readonly streams: Pick<StreamEngine, 'subscribe' | 'heard'>;
  readonly listener: WakeUpListener;
  /** Undefined: this process takes no part in upkeep. */
  readonly maintenance: MaintenanceEngine | undefined;
  readonly limits: DataLimits;
  readonly log: Log;
  /** When segments are rotated; default: see Upkeep. */
  readonly rotation?: RotationLimits | undefined;
}

interface RunningQueue {
  readonly routes: Routes;
  readonly worker: QueueWorker;
  readonly executor: RunExecutor;
}

/**
 * This process as a worker: one QueueWorker for each queue with a processor, one LISTEN connection and one heartbeat for
 * all of them.
 *
 * - `start()` and `stop()` are idempotent and may follow each other; `stop()` resolves when all is quiet.
 * - Its timers and callbacks run outside of whatever request or transaction happens to start them.
 */
export class QueueRuntime {
  readonly #deps: QueueRuntimeDeps;
  readonly #outside = AsyncLocalStorage.snapshot();
  #queues = new Map<number, RunningQueue>();
  /** The groups of this process, by the stream they read. */
  readonly #groups = new Map<number, RunningQueue[]>();
  #worker = '';
  #handles: HandledNames = {};
  #maxStalled: Readonly<Record<string, number>> = {};
  #heartbeat: Heartbeat | undefined;
  #maintenance: Maintenance | undefined;
  readonly #taken: TakenRuns;
  readonly #unknown: UnknownRuns;
  readonly #limits: LiveLimits;
  #startingAnew: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;
  /** Whether the worker was declared dead and no other has taken its place. */
  #abandoned = false;
  #stopLocalWake: (() => void) | undefined;
  /** What to add to performance.now() for the database's time. */
  #clockOffset = Date.now() - performance.now();

  constructor(deps: QueueRuntimeDeps) {
    this.#deps = deps;
    this.#taken = new TakenRuns({
      engine: deps.engine,
      executors: () => [...this.#queues].map(([queueId, { executor }]) => [queueId, executor]),
      log: deps.log,
    });
    this.#limits = new LiveLimits({
      engine: deps.engine,
      queueIds: () => [...this.#queues.keys()],
      apply: (queueId, limit) => this.#queues.get(queueId)?.worker.limit(limit),
      log: deps.log,
    });
    this.#unknown = new UnknownRuns({
      engine: deps.engine,
      worker: () => this.#worker,
      isListening: () => deps.listener.listening,
      holds: (queueId, { key, run, lease }) => {
        const queue = this.#queues.get(queueId);
        if (queue === undefined) return false;
        // that claim is repeated until it is answered, and brings its runs then; nearly always one is under way
        return queue.worker.mayHaveClaimed(lease) || queue.executor.holds(key, run);
      },
      log: deps.log,
    });
  }

  async start(
    definitions: readonly ProcessorDefinition[],
    consumers: readonly StreamConsumerDefinition[] = [],
  ): Promise<void> {
    if (this.#worker !== '' || definitions.length + consumers.length === 0) return;
    await this.#outside(() => this.#start(definitions, groupProcessors(consumers)));
  }

  async stop(): Promise<void> {
    if (this.#worker === '') return;
    this.#stopping ??= this.#stop().finally(() => {
      this.#stopping = undefined;
    });
    await this.#stopping;
  }

  async #stop(): Promise<void> {
    const { engine, listener, log } = this.#deps;
    this.#stopLocalWake?.();
    const maintained = Promise.all([this.#maintenance?.stop(), this.#unknown.stop()]);
    const clean = await Promise.all([...this.#queues.values()].map((queue) => queue.worker.stop()));
    await maintained;
    this.#taken.stop();
    this.#limits.stop();
    await this.#heartbeat?.stop();
    // it would listen again; and whose row there is now is known then
    await this.#startingAnew;
    await listener.stop();
    const worker = this.#worker;
    // one that leaves something behind is found dead, or was already, and that is recovered
    if (clean.every(Boolean) && !this.#abandoned) {
      await engine.retire(worker).catch((error: unknown) => log.debug?.(`Worker ${worker}: ${String(error)}`));
    }
    this.#forget();
  }

  #forget(): void {
    this.#queues.clear();
    this.#groups.clear();
    this.#worker = '';
  }

  async #start(definitions: readonly ProcessorDefinition[], groups: readonly GroupDefinition[]): Promise<void> {
    const { engine, streams, listener } = this.#deps;
    const byQueue = group(definitions);
    const ofQueues = [...byQueue].map(([queue, its]) => new Routes(queue, its));
    const ofGroups = groups.map(({ processor }) => new Routes(processor.queue, [processor]));
    const routes = [...ofQueues, ...ofGroups];
    this.#handles = Object.fromEntries(routes.map(({ queue, names }) => [queue, names]));
    this.#maxStalled = Object.fromEntries(
      routes.map(({ queue, slots }) => [
        queue,
        Math.max(...slots.map(({ definition }) => definition.options.maxStalledCount)),
      ]),
    );
    this.#worker = randomUUID();
    this.#abandoned = false;
    const suspects = new SuspectPlace();
    try {
      const ids = await Promise.all(ofQueues.map(({ queue }) => engine.ensureQueue(queue)));
      const subscribed = await Promise.all(
        groups.map(({ stream, group: name, options: { startFrom, attempts, hold } }) =>
          streams.subscribe(stream, name, startFrom, { attempts, hold }),
        ),
      );
      for (const [i, route] of ofQueues.entries()) {
        this.#queues.set(ids[i]!, this.#createQueue(ids[i]!, route, suspects));
      }
      for (const [i, route] of ofGroups.entries()) {
        const { id, streamId } = subscribed[i]!;
        const running = this.#createQueue(id, route, suspects, { ...groups[i]!, streamId });
        this.#queues.set(id, running);
        this.#groups.set(streamId, [...(this.#groups.get(streamId) ?? []), running]);
      }
      await this.#limits.start();
      await engine.register(this.#worker, this.#handles, false, this.#maxStalled);
    } catch (error) {
      this.#limits.stop();
      this.#forget();
      throw error;
    }
    this.#listen();
    this.#heartbeat = new Heartbeat({
      beat: async () => engine.beat(this.#worker, this.#held(), listener.listening),
      holdsLeases: () => this.#held() > 0,
      isListening: () => listener.listening,
      onDead: () => this.#startAnew(),
      log: this.#deps.log,
    });
    this.#heartbeat.start();
    this.#taken.start();
    this.#unknown.start();
    this.#stopLocalWake = engine.onLocalWake((wakes) => {
      this.#outside(() => {
        for (const text of wakes) {
          const wake = parseWake(text);
          if (wake !== undefined) this.#wake(wake);
        }
      });
    });
    for (const { worker } of this.#queues.values()) worker.start();
    this.#maintain();
  }

  #createQueue(
    queueId: number,
    routes: Routes,
    suspects: SuspectPlace,
    of?: GroupDefinition & { readonly streamId: number },
  ): RunningQueue {
    const { engine, jobs, listener, limits, log } = this.#deps;
    const shared = { queueId, engine, jobs, routes, log, suspects, worker: (): string => this.#worker };
    const executor = new RunExecutor({
      ...shared,
      limits,
      stream: of && {
        id: of.streamId,
        attempts: of.options.attempts,
        whole: of.whole,
        hold: of.options.hold,
      },
      databaseNow: () => performance.now() + this.#clockOffset,
    });
    const pollInterval = Math.min(
      ...routes.slots.map(({ definition }) => definition.options.pollInterval ?? POLL_INTERVAL),
    );
    return {
      routes,
      executor,
      worker: new QueueWorker({
        ...shared,
        executor,
        batches: of && {
          maxMessages: of.options.maxMessages,
          hold: of.options.hold,
          ahead: of.whole ? 1 : of.options.maxMessages,
        },
        pollInterval: () => (listener.listening ? pollInterval : Math.min(pollInterval, POLL_INTERVAL_UNHEARD)),
        onDead: () => this.#startAnew(),
        onTime: (ms) => {
          this.#clockOffset = ms - performance.now();
        },
      }),
    };
  }

  #listen(): void {
    this.#deps.listener.start(this.#worker, {
      onWake: (wake) => {
        if ('lane' in wake) this.#deps.streams.heard(wake.queueId);
        this.#wake(wake);
      },
      onListening: () => {
        this.#unknown.listening();
        this.#limits.changed();
        this.#lookEverywhere();
      },
    });
  }

  #maintain(): void {
    const { maintenance, log } = this.#deps;
    if (maintenance === undefined) return;
    const deps = {
      engine: maintenance,
      log,
      self: (): string => this.#worker,
      onStalled: (queueId: number, jobIds: readonly string[]): void => this.#stalled(queueId, jobIds),
    };
    this.#maintenance = new Maintenance(deps, this.#deps.rotation);
    this.#maintenance.start();
  }

  #stalled(queueId: number, jobIds: readonly string[]): void {
    const routes = this.#queues.get(queueId)?.routes;
    if (routes === undefined) return;
    for (const { definition } of routes.slots) {
      for (const id of jobIds) tell(definition.listeners.stalled, this.#deps.log, id);
    }
  }

  #held(): number {
    let sum = 0;
    for (const { executor } of this.#queues.values()) sum += executor.held;
    return sum;
  }

  #lookEverywhere(): void {
    for (const { worker } of this.#queues.values()) worker.lookEverywhere();
  }

  #wake(wake: Wake): void {
    if ('lane' in wake) {
      for (const { worker } of this.#groups.get(wake.queueId) ?? []) worker.wakeStream(wake.mayBeOpen);
    }
    const queue = this.#queues.get(wake.queueId);
    if (queue === undefined) return;
    if ('lane' in wake) queue.worker.wake(wake.lane, wake.mayBeOpen);
    else if ('taken' in wake) this.#taken.told(wake.queueId, queue.executor);
    else if ('limited' in wake) this.#limits.changed();
    else if ('paused' in wake) queue.worker.paused(wake.paused);
    else queue.worker.wakeIn(Math.max(0, wake.dueAt - performance.now() - this.#clockOffset));
  }

  /**
   * Declared dead, or its row is gone: a new worker under a new id, unless it is being stopped. What the old one held is
   * refused to it.
   */
  #startAnew(): void {
    if (this.#worker === '') return;
    this.#startingAnew ??= this.#takeNewName().finally(() => {
      this.#startingAnew = undefined;
    });
  }

  async #takeNewName(): Promise<void> {
    const old = this.#worker;
    const { engine, listener, log } = this.#deps;
    const fresh = randomUUID();
    const reason = new LeaseLostError('This process was declared dead: its jobs run elsewhere');
    const isNews = !this.#abandoned;
    this.#abandoned = true;
    for (const { executor } of this.#queues.values()) executor.abandon(reason);
    if (this.#stopping !== undefined) {
      if (isNews) log.warn(`Worker ${old} was declared dead while it stopped: what it held runs elsewhere`);
      return;
    }
    try {
      await engine.register(fresh, this.#handles, false, this.#maxStalled);
      this.#worker = fresh;
      this.#abandoned = false;
      // the LISTEN connection holds the worker's lock: under its new name now
      await listener.stop();
      if (this.#stopping === undefined) this.#listen();
      log.warn(`Worker ${old} was declared dead; this process goes on as ${fresh}`);
      this.#lookEverywhere();
    } catch (error) {
      log.error(`Worker ${old} was declared dead, and a new one could not be registered yet: ${String(error)}`);
    }
  }
}

function group(definitions: readonly ProcessorDefinition[]): Map<string, ProcessorDefinition[]> {
  const groups = new Map<string, ProcessorDefinition[]>();
  for (const definition of definitions) {
    groups.set(definition.queue, [...(groups.get(definition.queue) ?? []), definition]);
  }
  return groups;
}
