import { inspect, type InspectOptions } from 'node:util';
import type { JobEngine } from '../engine/job-engine.interface.js';
import { DuplicateKeyError } from '../errors/duplicate-key.error.js';
import { JobStateError } from '../errors/job-state.error.js';
import type { JobOptions } from '../interfaces/job-options.interface.js';
import type { QueueContract } from '../interfaces/queue-contract.interface.js';
import type { JobState } from '../interfaces/job-state.interface.js';
import { refuseJob } from '../errors/invalid-job.error.js';
import { integer, text } from '../utils/checks.js';
import type { Fitted } from '../utils/validate.js';
import { fitToStore } from './fit.js';
import { type DataLimits, serialiseJson } from './job-data.js';
import { toJobOptions } from './to-job-options.js';
import type { JobSource } from './job-source.js';

/**
 * A job as it is known: a snapshot, taken when it was added, looked up or begun.
 *
 * - Cheap to make: fields are read, and JSON is parsed, when they are first asked for.
 * - `JSON.stringify()` and `console.log()` show its fields.
 */
export class Job<Data = any, Result = any, Name extends string = string, Input = Data> {
  readonly #queueName: string;
  readonly #engine: JobEngine;
  readonly #source: JobSource;
  readonly #limits: DataLimits;
  readonly #contract: QueueContract | undefined;
  #data: Data | undefined;
  #replaced: string | undefined;

  /** @internal */
  constructor(queueName: string, engine: JobEngine, source: JobSource, limits: DataLimits, contract?: QueueContract) {
    this.#queueName = queueName;
    this.#engine = engine;
    this.#source = source;
    this.#limits = limits;
    this.#contract = contract;
  }

  /** The `jobId` it was added with, or the database's number. */
  get id(): string {
    return this.#source.id;
  }

  /** On what `add()` returns: an earlier job with the same key or id was returned instead; its data is that job's. */
  get deduplicated(): boolean {
    return this.#source.deduplicated === true;
  }

  get queueName(): string {
    return this.#queueName;
  }

  get name(): Name {
    return this.#source.name as Name;
  }

  /** As it was stored: what JSON made of it. The same object at every call. */
  get data(): Data {
    return (this.#data ??= JSON.parse(this.#replaced ?? this.#source.data) as Data);
  }

  /** With the defaults that applied; durations in milliseconds. */
  get opts(): Readonly<Omit<JobOptions, 'tx'>> {
    return toJobOptions(this.#source.options);
  }

  get priority(): number {
    return this.#source.options.priority;
  }

  /** Attempts started, the current one included. */
  get attemptsStarted(): number {
    return this.#source.attemptsStarted;
  }

  /** Attempts that ended in failure. */
  get attemptsMade(): number {
    return this.#source.attemptsMade;
  }

  /** What the handler returned; `null` until the job has completed. */
  get returnvalue(): Result | null {
    return this.#source.result === null ? null : (JSON.parse(this.#source.result) as Result);
  }

  /** The message of the last attempt that failed. */
  get failedReason(): string | null {
    return this.#source.errors.at(-1)?.message ?? null;
  }

  /** Of every failed attempt, the oldest first. */
  get stacktrace(): readonly string[] {
    return this.#source.errors.map((error) => error.stack ?? error.message);
  }

  /** When it was added: epoch milliseconds by the database's clock. */
  get timestamp(): number {
    return this.#source.createdAt;
  }

  /** When its last attempt was handed to a process: epoch milliseconds by the database's clock. */
  get processedOn(): number | undefined {
    return this.#source.processedOn;
  }

  /** When it completed or died: epoch milliseconds by the database's clock. */
  get finishedOn(): number | undefined {
    return this.#source.finishedOn;
  }

  /** Asks the database; `unknown` when the job is gone. */
  async getState(): Promise<JobState | 'unknown'> {
    return (await this.#engine.getJob(this.#queueName, this.id))?.state ?? 'unknown';
  }

  /**
   * Brings a dead job back, with fresh attempts.
   *
   * @throws JobStateError when it is not `failed`.
   * @throws DuplicateKeyError when its unique key has gone to another job that is alive, or is being taken in a transaction that is open.
   */
  async retry(): Promise<void> {
    if ((await this.#engine.retryDead(this.#queueName, { ids: [this.id] })) > 0) return;
    const state = await this.getState();
    const { uniqueKey } = this.#source.options;
    if (state === 'failed' && uniqueKey !== undefined) {
      throw new DuplicateKeyError(
        `Job ${this.id} cannot be retried: its unique key '${uniqueKey}' belongs to another job that is alive, or is being taken`,
        uniqueKey,
      );
    }
    throw new JobStateError(`Job ${this.id} cannot be retried: it is ${state}, not failed`, state);
  }

  /** Whether the job is gone now; `false` when it is active. */
  async remove(): Promise<boolean> {
    return this.#engine.remove(this.#queueName, this.id);
  }

  /**
   * The job does not run, or no further: what waits or is delayed never begins; a run that is under way has ended here and
   * now, wherever it runs: its signal aborts within a second, and what its handler still does is refused. It is kept as
   * `failed` with the reason, and may be retried. Resolves to `false` when it had ended before, or is being completed in a
   * transaction at this moment.
   */
  async cancel(reason = 'cancelled'): Promise<boolean> {
    return (await this.#engine.cancel(this.#queueName, this.id, text(reason, 'reason', refuseJob))) !== null;
  }

  /**
   * A delayed job is due now.
   *
   * @throws JobStateError when it is not `delayed`.
   */
  async promote(): Promise<void> {
    if (await this.#engine.promote(this.#queueName, this.id)) return;
    throw await this.#wrongState('promoted', 'delayed');
  }

  /**
   * Replaces the data that its next attempt gets, and what is seen of the job from now on.
   *
   * @throws InvalidJobError for data that cannot be stored, or does not fit the queue's contract.
   * @throws JobStateError when it has ended.
   */
  async updateData(data: Input): Promise<void> {
    const stored = serialiseJson(data, this.#limits, 'data');
    const fitted = this.#contract && (await fitToStore(this.#contract, this.name, stored, 'data'));
    if (await this.replaceData(stored, fitted)) {
      this.#data = undefined;
      this.#replaced = stored;
      return;
    }
    throw await this.#wrongState('updated', 'waiting, delayed or active');
  }

  /**
   * Moves a waiting job to the end of another priority's line; a delayed one will stand there when it is due.
   *
   * @throws JobStateError when it neither waits nor is delayed.
   */
  async changePriority(priority: number): Promise<void> {
    const checked = integer(0, 255)(priority, 'priority', refuseJob);
    if (await this.#engine.changePriority(this.#queueName, this.id, checked)) return;
    throw await this.#wrongState('moved to another priority', 'waiting or delayed');
  }

  /** @internal */
  protected async replaceData(stored: string, _fitted: Fitted | undefined): Promise<boolean> {
    return this.#engine.updateData(this.#queueName, this.id, stored);
  }

  async #wrongState(what: string, wanted: string): Promise<JobStateError> {
    const state = await this.getState();
    return new JobStateError(`Job ${this.id} cannot be ${what}: it is ${state}, not ${wanted}`, state);
  }

  toJSON(): Record<string, unknown> {
    return {
      id: this.id,
      queueName: this.queueName,
      name: this.name,
      data: this.data,
      opts: this.opts,
      deduplicated: this.deduplicated,
      attemptsStarted: this.attemptsStarted,
      attemptsMade: this.attemptsMade,
      returnvalue: this.returnvalue,
      failedReason: this.failedReason,
      stacktrace: this.stacktrace,
      timestamp: this.timestamp,
      processedOn: this.processedOn,
      finishedOn: this.finishedOn,
    };
  }

  /** For console.log(): the fields are getters, which it does not show. */
  [inspect.custom](_depth: number, options: InspectOptions): string {
    return `${this.constructor.name} ${inspect(this.toJSON(), options)}`;
  }
}
