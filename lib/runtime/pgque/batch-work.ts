import type { PgqueEngine, PgqueEvent, PgqueFailure } from '../../engine/pgque-engine.interface.js';
import { DelayedError } from '../../errors/delayed.error.js';
import { UnsupportedByPgqueError } from '../../errors/unsupported-by-pgque.error.js';
import type { StreamEvent } from '../../interfaces/stream-event.interface.js';
import { toStreamEvent } from '../../streams/stored-event.js';
import { parseDuration } from '../../utils/duration.js';
import { attemptError } from '../attempt-error.js';
import { type BatchUnit, BatchUnits } from './batch-units.js';
import { PgqueContext } from './pgque-context.js';
import type { PgqueGroup } from './pgque-group.js';

export interface BatchWorkDeps {
  readonly engine: PgqueEngine;
  readonly group: PgqueGroup;
  readonly batchId: string;
  /** Aborts when the batch is no longer this process's, and at the end of shutdown's patience: handlers are told. */
  readonly signal: AbortSignal;
  /** Resolves to whether another handler may begin. */
  mayBegin(): Promise<boolean>;
}

/** What became of a batch's events. */
export interface BatchOutcome {
  /** How many were handled, well or not. */
  readonly handled: number;
  /** Whether a handler has seen each of them, and is done. */
  readonly complete: boolean;
  readonly failures: readonly PgqueFailure[];
  /** Whether a handler committed its position: then it is its transaction that ends the batch. */
  readonly committed: boolean;
  /** Why it must stay as it is, and come again. */
  readonly impossible: string | undefined;
}

/** One batch on its way through the handlers, as many at once as the group says. */
export class BatchWork {
  readonly #deps: BatchWorkDeps;
  readonly #running = new Set<Promise<void>>();
  readonly #failures: PgqueFailure[] = [];
  #handled = 0;
  #complete = true;
  #committed = false;
  #impossible: string | undefined;

  constructor(deps: BatchWorkDeps) {
    this.#deps = deps;
  }

  /** @throws when its events cannot be read; what was begun has ended by then. */
  async run(): Promise<BatchOutcome> {
    const { engine, group, batchId } = this.#deps;
    const { concurrency, maxMessages } = group.options;
    const units = new BatchUnits(engine, batchId, group.batch === undefined ? 1 : maxMessages);
    try {
      for await (const unit of units) {
        while (this.#running.size >= concurrency) await Promise.race(this.#running);
        if (!(await this.#mayBegin())) break;
        const running: Promise<void> = this.#handle(unit).finally(() => this.#running.delete(running));
        this.#running.add(running);
      }
    } finally {
      await Promise.all(this.#running);
    }
    const lost = this.#failures.find(({ id }) => units.twice.has(id));
    if (lost !== undefined) {
      this.#impossible ??= `event ${lost.id} is in its batch twice, so that PgQue could not give it back: ${lost.reason}`;
    }
    return {
      handled: this.#handled,
      complete: this.#complete,
      failures: this.#failures,
      committed: this.#committed,
      impossible: this.#impossible,
    };
  }

  async #mayBegin(): Promise<boolean> {
    // what is impossible for one is so for all
    const may = this.#impossible !== undefined || (await this.#deps.mayBegin());
    this.#complete &&= may;
    return may && this.#impossible === undefined;
  }

  async #handle({ events, whole }: BatchUnit): Promise<void> {
    const { batch } = this.#deps.group;
    if (batch === undefined) await this.#handleOne(events[0]!);
    else await this.#handleMany(events, whole);
  }

  async #handleOne(event: PgqueEvent): Promise<void> {
    const { group } = this.#deps;
    const handler = group.handlers.get(event.record.type) ?? group.catchAll;
    const context = this.#context(
      `commitIn() is not for single events on PgQue, whose position moves by whole batches: use @OnStreamBatch(), or a stream of the module's own`,
    );
    try {
      if (handler !== undefined) await handler.run(this.#eventOf(event), context);
      else if (group.options.unhandled === 'nack') throw new Error(nobodyTakes(group, event));
    } catch (error) {
      this.#failed(event, error);
    }
    this.#handled++;
  }

  async #handleMany(events: readonly PgqueEvent[], whole: boolean): Promise<void> {
    const { group, batchId } = this.#deps;
    const context = this.#context(
      whole
        ? undefined
        : `commitIn() needs all of PgQue's batch ${batchId} at once, and that has more than maxMessages (${group.options.maxMessages}) events: raise it`,
    );
    try {
      await group.batch!.run(
        events.map((event) => this.#eventOf(event)),
        context,
      );
      this.#committed ||= context.committed;
    } catch (error) {
      // one of them is the reason, as a rule, and the others shall not be dead for it
      if (events.length > 1 && !context.committed && !(error instanceof UnsupportedByPgqueError)) {
        await this.#handleEach(events);
        return;
      }
      for (const event of events) this.#failed(event, error);
    }
    this.#handled += events.length;
  }

  async #handleEach(events: readonly PgqueEvent[]): Promise<void> {
    for (const event of events) {
      if (!(await this.#mayBegin())) return;
      const context = this.#context(
        `commitIn() cannot commit the position of one event on PgQue: this one is delivered alone because its batch failed before commitIn()`,
      );
      try {
        await this.#deps.group.batch!.run([this.#eventOf(event)], context);
      } catch (error) {
        this.#failed(event, error);
      }
      this.#handled++;
    }
  }

  #failed({ record: { id } }: PgqueEvent, error: unknown): void {
    // not its fault: it was told to end
    if (this.#deps.signal.aborted) {
      this.#complete = false;
      return;
    }
    // no event's fault: it would be dead in the end, and those behind it as well
    if (error instanceof UnsupportedByPgqueError) this.#impossible ??= error.message;
    const delay = error instanceof DelayedError ? parseDuration(error.delay) : undefined;
    this.#failures.push({
      id,
      retryAfter: delay ?? this.#deps.group.options.retryDelay,
      reason: attemptError(error, 1).message,
    });
  }

  #context(refusal: string | undefined): PgqueContext {
    const { engine, group, batchId, signal } = this.#deps;
    return new PgqueContext(group.consumer, signal, { engine, batchId, refusal });
  }

  #eventOf({ record, retryCount }: PgqueEvent): StreamEvent {
    return toStreamEvent(this.#deps.group.queue, record, retryCount);
  }
}

function nobodyTakes({ consumer, queue }: PgqueGroup, { record: { type } }: PgqueEvent): string {
  return `No method of group '${consumer}' takes events of type '${type}' from '${queue}': write an @OnStreamEvent() for it, or say unhandled: 'ack'`;
}
