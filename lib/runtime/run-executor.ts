import type { JobEngine } from '../engine/job-engine.interface.js';
import type {
  Batch,
  ClaimedRun,
  FollowUp,
  Refusal,
  TakenRun,
  WorkerEngine,
} from '../engine/worker-engine.interface.js';
import { JobTimeoutError } from '../errors/job-timeout.error.js';
import { InvalidTransactionError } from '../errors/invalid-transaction.error.js';
import { JobCancelledError } from '../errors/job-cancelled.error.js';
import { LeaseLostError } from '../errors/lease-lost.error.js';
import { ShutdownError } from '../errors/shutdown.error.js';
import type { TransactionHandle } from '../interfaces/transaction.interface.js';
import type { DataLimits } from '../queue/job-data.js';
import { toExecutor } from '../transactions/to-executor.js';
import type { QueueContract } from '../interfaces/queue-contract.interface.js';
import type { Log } from '../utils/log.js';
import { fitRun } from './fit-run.js';
import { followUpOf, handBack } from './follow-up.js';
import { JobRun, type RunContext } from './job-run.js';
import { OutcomeWriter, type Settled } from './outcome-writer.js';
import type { Routes } from './routes.js';
import { RunStarter } from './run-starter.js';
import type { Slots } from './slots.js';
import { reportOutcome } from './report-outcome.js';
import { storableResult } from './storable-result.js';
import { BatchRuns, type GroupStream } from './streams/batch-runs.js';
import type { SuspectPlace } from './suspect-place.js';
import { tell } from './tell.js';

/** After an abort, how long a handler may take to react before its run is handed back: ms. */
const REACT_WITHIN = 1_000;

export interface RunExecutorDeps {
  readonly queueId: number;
  readonly engine: WorkerEngine;
  readonly jobs: JobEngine;
  readonly routes: Routes;
  readonly limits: DataLimits;
  readonly suspects: SuspectPlace;
  readonly log: Log;
  /** Of a group: the stream it reads. */
  readonly stream?: GroupStream | undefined;
  worker(): string;
  databaseNow(): number;
}

/**
 * Runs what was fetched: from its buffer through its handler to its outcome.
 *
 * - Each processor runs at most `concurrency` jobs at once; a run that has timed out or was abandoned frees its place,
 *   and whatever its handler does later is ignored.
 * - Nothing a handler, a listener or a result does ends the worker or the process.
 */
export class RunExecutor implements RunContext {
  readonly queueName: string;
  readonly jobs: JobEngine;
  onRoom: () => void = () => undefined;
  onDelayed: (ms: number) => void = () => undefined;
  onBatchEnded: () => void = () => undefined;
  readonly #deps: RunExecutorDeps;
  readonly #writer: OutcomeWriter;
  /** Of a group. */
  readonly #batches: BatchRuns | undefined;
  readonly #starter: RunStarter;

  constructor(deps: RunExecutorDeps) {
    this.#deps = deps;
    this.queueName = deps.routes.queue;
    this.jobs = deps.jobs;
    this.#writer = new OutcomeWriter({
      finish: (outcomes, mayHaveEnded) => deps.engine.finish(deps.worker(), deps.queueId, outcomes, mayHaveEnded),
      onWritten: (settled, refusal) => this.#written(settled, refusal),
      onGivenUp: ({ run }) => this.#freePlace(run),
      isDataError: (error) => deps.engine.isDataError(error),
      log: deps.log,
    });
    this.#starter = new RunStarter({
      slots: deps.routes.slots,
      start: (run) => this.#start(run),
      onTurn: () => this.onRoom(),
    });
    this.#batches =
      deps.stream &&
      new BatchRuns({
        stream: deps.stream,
        makeRun: (claimed) => this.#makeRun(claimed, performance.now()),
        push: (run) => run.slots.push(run),
        write: (run, followUp) => this.#write(run, null, followUp),
        releaseKeys: () => this.releaseKeys(),
        waiting: () => deps.routes.slots.flatMap(({ all }) => all.filter(({ startedAt }) => startedAt === 0)),
      });
  }

  /** Runs this process holds: begun, waiting for a place, or ended and not written yet. */
  get held(): number {
    return this.#deps.routes.slots.reduce(
      (sum, { running, waiting }) => sum + running.size + waiting,
      this.#writer.pending,
    );
  }

  /** Whether a run is among them. */
  holds(key: string, run: number): boolean {
    const isIt = ({ claimed }: JobRun): boolean => claimed.key === key && claimed.run === run;
    return (
      this.#deps.routes.slots.some(({ all }) => all.some(isIt)) ||
      this.#batches?.holds(key) === true ||
      this.#writer.has(key, run)
    );
  }

  get limits(): DataLimits {
    return this.#deps.limits;
  }

  databaseNow(): number {
    return this.#deps.databaseNow();
  }

  /**
   * @param start false: they wait, to be handed back.
   * @param suspectLanes what is of these holds the process's place for suspects.
   */
  take(claimed: readonly ClaimedRun[], start = true, suspectLanes: readonly number[] = []): void {
    const now = performance.now();
    for (const one of claimed) {
      const run = this.#makeRun(one, now);
      run.suspect = suspectLanes.length > 0 && suspectLanes.includes(one.lease.lane);
      run.slots.push(run);
    }
    if (start) this.#starter.turn(now);
  }

  /** @param start as of `take()`. */
  takeBatch(batch: Batch, start = true): void {
    this.#batches!.take(batch);
    if (start) this.#starter.turn(performance.now());
  }

  /** Lets go of keys whose events have ended without saying so: completed in a transaction, cancelled, or with their process. */
  releaseKeys(): void {
    const { engine, queueId, log } = this.#deps;
    engine.releaseEnded(queueId).catch((error: unknown) => log.debug?.(`Keys are let go later: ${String(error)}`));
  }

  #makeRun(claimed: ClaimedRun, now: number): JobRun {
    const { slots, handler } = this.#deps.routes.of(claimed.name);
    return new JobRun(claimed, slots, handler, now, this);
  }

  /** Hands back what was not started, of all or of what came before a time; says whether anything still waits. */
  handBackWaiting(before?: number): boolean {
    const { slots: all } = this.#deps.routes;
    for (const slots of all) {
      for (const run of slots.takeWaiting(before)) {
        // behind a full processor it would be met again and again: its name's lane is asked when there is room
        this.#write(run, null, handBack(before !== undefined && all.length > 1 ? 'name' : 'front'));
      }
    }
    return all.some(({ waiting }) => waiting > 0);
  }

  /** Lets a processor's handlers finish; aborts their signals at its deadline, and a second later hands their runs back. */
  async drain(slots: Slots): Promise<void> {
    if (await slots.quiet(slots.definition.options.shutdownTimeout)) return;
    for (const run of slots.running) run.abort(new ShutdownError('The process is shutting down'));
    if (await slots.quiet(REACT_WITHIN)) return;
    for (const run of slots.running) this.#settle(run, null, handBack('front'));
  }

  /** Whether all outcomes are written. */
  async flush(giveUpAfter: number): Promise<boolean> {
    return this.#writer.flush(giveUpAfter);
  }

  /** This worker was declared dead: whatever it holds is no longer its own. */
  abandon(reason: Error): void {
    for (const slots of this.#deps.routes.slots) {
      for (const run of slots.takeWaiting()) this.#drop(run);
      for (const run of slots.running) {
        run.abort(reason);
        this.#drop(run);
        slots.end(run, performance.now() - run.startedAt);
      }
    }
    this.onRoom();
  }

  /** The runs that came a while ago and have not ended here: others may have ended them. */
  open(forMs: number): ClaimedRun[] {
    const before = performance.now() - forMs;
    return this.#deps.routes.slots.flatMap((slots) =>
      slots.all.filter(({ claimedAt, settled }) => claimedAt <= before && !settled).map(({ claimed }) => claimed),
    );
  }

  /** Others have ended these: their signals abort, and what their handlers still do is ignored. */
  taken(runs: readonly TakenRun[]): void {
    if (runs.length > 0) this.#takeOut(runs);
    this.#starter.start();
    this.onRoom();
  }

  /** There may be more places than before: what waits begins. */
  roomChanged(): void {
    this.#starter.turn(performance.now());
    this.onRoom();
  }

  #takeOut(ended: readonly TakenRun[]): void {
    const ends = new Map(ended.map((end) => [`${end.key}:${end.run}`, end]));
    for (const slots of this.#deps.routes.slots) {
      for (const run of slots.all) {
        const end = ends.get(`${run.claimed.key}:${run.claimed.run}`);
        // what was taken out stays among those that wait until its turn comes
        if (end === undefined || run.settled) continue;
        const reason =
          end.state === 'x'
            ? new JobCancelledError(end.why ?? 'cancelled')
            : new LeaseLostError(`Job ${run.id} was taken from this process`);
        run.abort(reason);
        this.#drop(run);
        if (run.startedAt > 0) slots.end(run, performance.now() - run.startedAt);
        if (end.state === 'x') tell(slots.definition.listeners.failed, this.#deps.log, run.job, reason);
      }
    }
  }

  /** Ends a run here without an outcome: that is somebody else's. */
  #drop(run: JobRun): void {
    run.settled = true;
    clearTimeout(run.timer);
    this.#freePlace(run);
    this.#batches?.dropped(run);
  }

  #freePlace(run: JobRun): void {
    if (run.suspect) this.#deps.suspects.free();
  }

  /** The worker itself has trouble. */
  failed(error: Error): void {
    for (const { definition } of this.#deps.routes.slots) tell(definition.listeners.error, this.#deps.log, error);
  }

  async completeIn(run: JobRun, tx: TransactionHandle, result: unknown): Promise<void> {
    const executor = toExecutor(tx);
    const { key, run: number, lease } = run.claimed;
    const output = storableResult(run, result, this.#deps.limits, this.#deps.log);
    if (run.settled) throw new LeaseLostError(`Job ${run.id} is no longer this handler's: roll back`);
    run.completedInTransaction = true;
    run.completedWith = output;
    try {
      await this.#deps.engine.completeIn(executor, this.#deps.worker(), this.#deps.queueId, {
        key,
        run: number,
        lease,
        ran: performance.now() - run.startedAt,
        output,
      });
    } catch (error) {
      // nothing was written
      if (error instanceof InvalidTransactionError) run.completedInTransaction = false;
      throw error;
    }
  }

  #start(run: JobRun): void {
    run.begin();
    const { contract, timeout } = run.handler;
    const limit = run.claimed.options?.timeout ?? timeout;
    if (limit !== undefined) this.#limit(run, limit);
    if (contract === undefined) this.#handle(run);
    else this.#fit(run, contract);
  }

  /** Its data first: what does not fit never reaches a handler, and nobody hears that it is active. */
  #fit(run: JobRun, contract: QueueContract): void {
    let fitting: Promise<void> | undefined;
    try {
      fitting = fitRun(run, contract);
    } catch (error) {
      this.#fail(run, error);
      return;
    }
    if (fitting === undefined) {
      this.#handle(run);
      return;
    }
    const fitted = (): void => (run.aborted === undefined ? this.#handle(run) : this.#fail(run, run.aborted));
    fitting.then(fitted, (error: unknown) => this.#fail(run, error));
  }

  #handle(run: JobRun): void {
    const { handler } = run;
    const { active } = run.slots.definition.listeners;
    if (active.length > 0) tell(active, this.#deps.log, run.job);
    let returned: unknown;
    let later: boolean;
    try {
      returned = handler.run(run.job, run);
      later = isThenable(returned);
    } catch (error) {
      this.#fail(run, error);
      return;
    }
    if (later) {
      Promise.resolve(returned).then(
        (value) => this.#complete(run, value),
        (error: unknown) => this.#fail(run, error),
      );
    } else {
      this.#complete(run, returned);
    }
  }

  #limit(run: JobRun, timeout: number): void {
    run.timer = setTimeout(() => {
      const error = new JobTimeoutError(`Job ${run.id} (${run.handler.label}) took longer than ${timeout} ms`);
      run.abort(error);
      this.#fail(run, error);
    }, timeout);
  }

  #complete(run: JobRun, value: unknown): void {
    if (run.settled) return;
    if (run.completedInTransaction) {
      // it completed when that transaction committed; if it was rolled back, the attempt failed
      this.#fail(run, new Error('completeIn() was called, but its transaction was rolled back'));
      return;
    }
    this.#settle(
      run,
      value === undefined || value === null ? null : storableResult(run, value, this.#deps.limits, this.#deps.log),
      undefined,
    );
  }

  #fail(run: JobRun, thrown: unknown): void {
    if (run.settled) return;
    const { backoff } = run.slots.definition.options;
    // what an aborted handler throws is the abort's doing
    const followUp = followUpOf(run.aborted ?? thrown, run, backoff, this.#deps.log);
    this.#settle(run, null, followUp, run.aborted ?? thrown);
  }

  #settle(run: JobRun, output: string | null, followUp: FollowUp | undefined, thrown?: unknown): void {
    run.settled = true;
    clearTimeout(run.timer);
    this.#write(run, output, followUp, thrown);
    // whether its transaction was committed decides what comes next: it keeps its place until that is known
    if (this.#batches?.isVerified(run) !== true) this.#end(run);
  }

  #end(run: JobRun): void {
    run.slots.end(run, performance.now() - run.startedAt);
    this.#starter.start();
    this.onRoom();
  }

  #write(run: JobRun, output: string | null, followUp: FollowUp | undefined, thrown?: unknown): void {
    const outcome = this.#batches === undefined ? { followUp } : this.#batches.outcome(run, followUp);
    // its batch's end is its own
    if (outcome === undefined) return;
    const { key, run: number, lease } = run.claimed;
    const ran = run.startedAt === 0 ? 0 : performance.now() - run.startedAt;
    this.#writer.add({ run, thrown, followUp, outcome: { key, run: number, lease, ran, output, ...outcome } });
  }

  #written(settled: Settled, refusal: Refusal | undefined): void {
    this.#freePlace(settled.run);
    if (this.#batches !== undefined) {
      this.#batches.written(settled.run, settled.followUp, refusal);
      if (settled.run.claimed.batch !== undefined) this.onBatchEnded();
      if (this.#batches.isVerified(settled.run)) this.#end(settled.run);
      else this.#starter.start();
    }
    const delay = settled.outcome.followUp?.delay;
    if (delay !== undefined) this.onDelayed(delay);
    reportOutcome(settled, refusal, this.#deps.log);
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    (typeof value === 'object' || typeof value === 'function') &&
    value !== null &&
    typeof (value as { then?: unknown }).then === 'function'
  );
}
