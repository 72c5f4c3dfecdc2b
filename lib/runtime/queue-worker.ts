import type { JobEngine } from '../engine/job-engine.interface.js';
import {
  type Claim,
  type ClaimedRun,
  isStreamLane,
  type Lease,
  STREAM_LANE,
  type WorkerEngine,
} from '../engine/worker-engine.interface.js';
import { WorkerDeadError } from '../errors/worker-dead.error.js';
import type { Log } from '../utils/log.js';
import { isOutage } from '../errors/database-unavailable.error.js';
import { pause, retryPause } from '../utils/pause.js';
import { Claimer } from './claimer.js';
import { DueTimer } from './due-timer.js';
import { LookAgain } from './look-again.js';
import type { RunExecutor } from './run-executor.js';
import type { Routes } from './routes.js';
import { BatchClaimer } from './streams/batch-claimer.js';
import type { SuspectPlace } from './suspect-place.js';

/** Runs in one claim, at most. */
const CLAIM = 1_000;
/** Delayed runs promoted in one statement. */
const PROMOTION = 1_000;
const STREAM_ONLY: ReadonlySet<number> = new Set([STREAM_LANE]);
/** A run that has not started this long after its claim is handed back, for another process to take: ms. */
const START_WITHIN = 1_000;

export interface BatchSettings {
  readonly maxMessages: number;
  readonly hold: 'nothing' | 'key' | 'stream';
  /** Runs that may wait when the next batch is taken: about one batch's. */
  readonly ahead: number;
}

export interface QueueWorkerDeps {
  readonly queueId: number;
  readonly engine: WorkerEngine;
  readonly jobs: JobEngine;
  readonly routes: Routes;
  readonly executor: RunExecutor;
  readonly suspects: SuspectPlace;
  readonly log: Log;
  /** Of a group: how it takes batches of its stream. */
  readonly batches?: BatchSettings | undefined;
  /** This process's id as a worker. */
  worker(): string;
  /** Milliseconds between polls, as things are. */
  pollInterval(): number;
  onDead(): void;
  /** The database's time at an instant, as a claim saw it. */
  onTime(databaseMs: number): void;
}

/**
 * Fetches one queue's jobs for this process, and hands them to its executor.
 *
 * - One claim at a time. It asks for the places that are free and what will start within 20 ms; after one that left
 *   something it claims again as soon as there is room.
 * - Between polls it looks at the lanes that wake-ups named and those it left non-empty; a poll looks at all.
 * - Of runs that were lost with their process it fetches none ahead: a place that becomes free asks for those that wait.
 * - `stop()` resolves when nothing is claimed, running or unwritten; what was not started is handed back at once.
 */
export class QueueWorker {
  readonly #deps: QueueWorkerDeps;
  readonly #claimer: Claimer;
  readonly #batches: BatchClaimer | undefined;
  readonly #due: DueTimer;
  readonly #streamDue: DueTimer;
  readonly #again: LookAgain;
  readonly #stopping = new AbortController();
  #lanes: Set<number> | 'all' = 'all';
  /** Lanes of names whose processor was full: looked at again when it has room. */
  readonly #parked = new Set<number>();
  /** Lanes of suspects that may hold more: looked at again when the process has its place for one. */
  readonly #suspectLanes = new Set<number>();
  /** Whether the group's stream may have more. */
  #stream = false;
  #promote = true;
  #cycle: Promise<void> | undefined;
  #poll: NodeJS.Timeout | undefined;
  #handBackTimer: NodeJS.Timeout | undefined;
  #scheduled = false;

  constructor(deps: QueueWorkerDeps) {
    this.#deps = deps;
    this.#claimer = new Claimer(deps);
    this.#batches = deps.batches && new BatchClaimer({ ...deps, ...deps.batches, groupId: deps.queueId });
    this.#due = new DueTimer(() => {
      this.#promote = true;
      this.#schedule();
    });
    this.#streamDue = new DueTimer(() => this.look([STREAM_LANE]));
    this.#again = new LookAgain(
      () => deps.pollInterval(),
      (lanes) => this.look(lanes),
    );
    deps.suspects.onFree(() => {
      if (this.#suspectLanes.size > 0) this.look([...this.#suspectLanes.values()]);
      this.#suspectLanes.clear();
    });
    deps.executor.onRoom = () => this.#schedule();
    deps.executor.onDelayed = (ms) => this.#due.in(ms);
    deps.executor.onBatchEnded = () => {
      if (deps.batches?.hold !== 'nothing') this.look([STREAM_LANE]);
    };
  }

  start(): void {
    this.lookEverywhere();
    this.#pollLater();
  }

  /** Whether a claim was sent and not answered that this lease may be of. */
  mayHaveClaimed({ lane, claimNo }: Lease): boolean {
    return claimNo === (isStreamLane(lane) ? this.#batches : this.#claimer)?.unansweredNo;
  }

  /** Something was added to a lane, or will have been when its transaction has ended. */
  wake(lane: number, mayBeOpen: boolean): void {
    if (mayBeOpen) this.#again.woken(lane);
    this.look([lane]);
  }

  /** Something was delayed: due in so many ms. */
  wakeIn(ms: number): void {
    this.#due.in(ms);
  }

  /** Something was published to the group's stream, or will have been. */
  wakeStream(mayBeOpen: boolean): void {
    this.wake(STREAM_LANE, mayBeOpen);
  }

  look(lanes: readonly number[]): void {
    for (const lane of lanes) {
      if (lane === STREAM_LANE) this.#stream = true;
      else if (this.#lanes !== 'all') this.#lanes.add(lane);
    }
    this.#schedule();
  }

  /** A paused queue hands out nothing: what was fetched and has not begun goes back. */
  paused(is: boolean): void {
    if (is) this.#deps.executor.handBackWaiting();
    else this.lookEverywhere();
  }

  /** Its processors' concurrency, from now on; undefined: what each says itself. */
  limit(concurrency: number | undefined): void {
    const { routes, executor } = this.#deps;
    const changed = routes.slots.filter((slots) => slots.limit !== concurrency);
    if (changed.length === 0) return;
    for (const slots of changed) slots.limit = concurrency;
    executor.roomChanged();
  }

  lookEverywhere(): void {
    this.#lanes = 'all';
    this.#stream = this.#batches !== undefined;
    this.#promote = true;
    this.#schedule();
  }

  /** Whether nothing of what it claimed is left without an outcome. */
  async stop(): Promise<boolean> {
    const { executor, routes } = this.#deps;
    this.#stopping.abort();
    clearTimeout(this.#poll);
    clearTimeout(this.#handBackTimer);
    this.#due.stop();
    this.#streamDue.stop();
    this.#again.stop();
    executor.handBackWaiting();
    await this.#cycle;
    const isAnswered = await this.#claimUnanswered();
    executor.handBackWaiting();
    await Promise.all(routes.slots.map((slots) => executor.drain(slots)));
    const patience = Math.max(1_000, ...routes.slots.map(({ definition }) => definition.options.shutdownTimeout));
    return (await executor.flush(patience)) && isAnswered;
  }

  #schedule(): void {
    if (this.#scheduled || this.#cycle !== undefined || this.#stopping.signal.aborted) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      if (this.#cycle !== undefined || this.#stopping.signal.aborted || !this.#hasReason()) return;
      this.#cycle = this.#run().finally(() => {
        this.#cycle = undefined;
        this.#schedule();
      });
    });
  }

  #hasReason(): boolean {
    return this.#promote || this.#wantsBatch() || (this.#hasLanes() && this.#want() > 0);
  }

  /** However quick its handlers are, one batch is fetched ahead: memory is bounded. */
  #wantsBatch(): boolean {
    if (!this.#stream || this.#want() === 0) return false;
    const waiting = this.#deps.routes.slots.reduce((sum, slots) => sum + slots.waiting, 0);
    return waiting < this.#deps.batches!.ahead;
  }

  #hasLanes(): boolean {
    return this.#lanes === 'all' || this.#lanes.size > 0 || this.#parkedHaveRoom() || this.#lostHavePlaces();
  }

  #want(): number {
    return Math.min(
      this.#deps.routes.slots.reduce((sum, { room }) => sum + room, 0),
      CLAIM,
    );
  }

  #parkedHaveRoom(): boolean {
    return this.#parked.size > 0 && this.#deps.routes.full() === null;
  }

  #lostHavePlaces(): boolean {
    return this.#deps.routes.slots.some(({ awaited, free }) => awaited && free > 0);
  }

  async #run(): Promise<void> {
    let tries = 0;
    while (!this.#stopping.signal.aborted && this.#hasReason()) {
      try {
        if (this.#promote) await this.#promoteDue();
        else if (this.#hasLanes() && this.#want() > 0) await this.#claim();
        if (this.#wantsBatch() && !this.#stopping.signal.aborted) await this.#takeBatch();
        tries = 0;
      } catch (error) {
        if (error instanceof WorkerDeadError) this.#deps.onDead();
        else if (tries === 0 && !isOutage(error)) {
          this.#deps.log.error(
            `Queue ${this.#deps.routes.queue}: jobs cannot be fetched, trying on: ${(error as Error).message}`,
          );
          this.#deps.executor.failed(error as Error);
        } else if (tries === 0) this.#deps.executor.failed(error as Error);
        await pause(retryPause(tries++), this.#stopping.signal);
      }
    }
  }

  async #promoteDue(): Promise<void> {
    const { engine, queueId } = this.#deps;
    this.#promote = false;
    try {
      const { lanes, nextDueIn, more } = await engine.promote(queueId, PROMOTION, this.#want());
      if (this.#lanes !== 'all') for (const lane of lanes) this.#lanes.add(lane);
      this.#promote ||= more;
      if (nextDueIn !== null) this.#due.in(nextDueIn);
    } catch (error) {
      this.#promote = true;
      throw error;
    }
  }

  async #claim(): Promise<void> {
    const want = this.#want();
    if (want === 0) return;
    const full = this.#deps.routes.full();
    if (full === null) this.#unpark();
    // all, in their order: what was lost takes its turn with the rest
    const lanes = this.#lostHavePlaces() ? 'all' : this.#lanes;
    this.#lanes = new Set();
    const places = this.#deps.routes.places();
    if (lanes === 'all') this.#offerPlaces();
    this.#again.claiming();
    let claim: Claim;
    const suspect = this.#hasFreePlace() && this.#deps.suspects.take();
    if (suspect && lanes !== 'all') for (const lane of this.#suspectLanes) lanes.add(lane);
    if (suspect) this.#suspectLanes.clear();
    try {
      claim = await this.#claimer.claim(want, lanes === 'all' ? null : [...lanes], full, suspect, places);
    } catch (error) {
      if (suspect) this.#deps.suspects.free();
      if (lanes === 'all') this.#lanes = 'all';
      else this.look([...lanes]);
      throw error;
    }
    this.#deps.onTime(claim.at);
    if (claim.open === null) this.#lanes = 'all';
    else this.look(claim.open);
    // without a full processor they hold what only others handle
    if (full !== null) for (const lane of claim.parked) this.#parked.add(lane);
    for (const name of claim.lost) this.#deps.routes.of(name).slots.awaited = true;
    this.#again.claimed(claim.running, lanes);
    const tookSuspect = suspect && claim.runs.some(({ lease }) => claim.suspects.includes(lease.lane));
    if (tookSuspect || !suspect) for (const lane of claim.suspects) this.#suspectLanes.add(lane);
    if (suspect && !tookSuspect) this.#deps.suspects.free();
    this.#take(claim.runs, tookSuspect ? claim.suspects : []);
  }

  async #takeBatch(): Promise<void> {
    this.#stream = false;
    this.#again.claiming();
    try {
      const { batch, at, running, more, lookIn } = await this.#batches!.take();
      this.#deps.onTime(at);
      if (lookIn !== null) this.#streamDue.in(lookIn);
      this.#stream ||= more;
      this.#again.claimed(running, STREAM_ONLY);
      const stopping = this.#stopping.signal.aborted;
      if (batch !== undefined) this.#deps.executor.takeBatch(batch, !stopping);
    } catch (error) {
      this.#stream = true;
      throw error;
    }
  }

  /** A suspect is never fetched ahead. */
  #hasFreePlace(): boolean {
    return this.#deps.routes.slots.some(({ free }) => free > 0);
  }

  /** To the lost runs that wait: those which are left after this claim wait anew. */
  #offerPlaces(): void {
    for (const slots of this.#deps.routes.slots) if (slots.free > 0) slots.awaited = false;
  }

  #unpark(): void {
    this.look([...this.#parked]);
    this.#parked.clear();
  }

  /** At the end: what a claim without an answer may have leased is handed back; it asks for nothing new. Whether that is done. */
  async #claimUnanswered(): Promise<boolean> {
    try {
      if (this.#claimer.unanswered) this.#take((await this.#claimer.claim(0, [], null)).runs);
      if (this.#batches?.unansweredNo !== undefined) {
        const { batch } = await this.#batches.take(0);
        if (batch !== undefined) this.#deps.executor.takeBatch(batch, false);
      }
      return true;
    } catch (error) {
      this.#deps.log.error(
        `Queue ${this.#deps.routes.queue}: the last claim was not answered; what it took is recovered by others: ${(error as Error).message}`,
      );
      return false;
    }
  }

  #take(runs: readonly ClaimedRun[], suspectLanes: readonly number[] = []): void {
    if (runs.length === 0) return;
    const stopping = this.#stopping.signal.aborted;
    this.#deps.executor.take(runs, !stopping, suspectLanes);
    if (stopping) this.#deps.executor.handBackWaiting();
    else this.#handBackLater();
  }

  #handBackLater(): void {
    this.#handBackTimer ??= setTimeout(() => {
      this.#handBackTimer = undefined;
      if (this.#deps.executor.handBackWaiting(performance.now() - START_WITHIN)) this.#handBackLater();
    }, START_WITHIN).unref();
  }

  /** Whatever goes on: a lane whose wake-up was lost must not wait for the others to be empty. */
  #pollLater(): void {
    this.#poll = setTimeout(() => {
      if (this.#deps.batches?.hold === 'key') this.#deps.executor.releaseKeys();
      this.lookEverywhere();
      this.#pollLater();
    }, this.#deps.pollInterval());
  }
}
