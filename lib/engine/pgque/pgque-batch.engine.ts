import { UnknownBatchError } from '../../errors/unknown-batch.error.js';
import type {
  BatchEngine,
  DeadEvent,
  DeadEventFilter,
  DeliveredEvent,
  ReceivedBatch,
} from '../batch-engine.interface.js';
import type { PgqueEngine } from '../pgque-engine.interface.js';
import type { PgConnection } from '../postgres/connection.js';
import { PgqueDeadLetters } from './pgque-dead-letters.js';
import { isRaised, readId } from './pgque-faults.js';
import { NACK } from './pgque-statements.js';

/** Of so many batches it is remembered which of their events were nacked. */
const REMEMBERED = 1_000;

/**
 * PgQue's batches for those who drive the loop themselves.
 *
 * - All of a batch is received, whatever `max` is: an ack ends all of it.
 * - An event is nacked once in a batch, by this process. PgQue would repeat it once more when it was handed out again meanwhile.
 */
export class PgqueBatchEngine implements BatchEngine {
  readonly #connection: PgConnection;
  readonly #engine: PgqueEngine;
  readonly #letters: PgqueDeadLetters;
  readonly #nacked = new Map<string, Set<string>>();

  constructor(connection: PgConnection, engine: PgqueEngine) {
    this.#connection = connection;
    this.#engine = engine;
    this.#letters = new PgqueDeadLetters(connection);
  }

  async subscribe(stream: string, group: string, from: 'start' | 'end'): Promise<boolean> {
    return this.#engine.subscribe(stream, group, from);
  }

  async unsubscribe(stream: string, group: string): Promise<boolean> {
    return this.#engine.unsubscribe(stream, group);
  }

  async receive(stream: string, group: string, max: number): Promise<ReceivedBatch | undefined> {
    for (;;) {
      const batch = await this.#engine.nextBatch(stream, group);
      if (batch === undefined) return undefined;
      const events: DeliveredEvent[] = [];
      for (let more = true; more;) {
        const page = await this.#engine.page(batch.id, events.length, max);
        events.push(...page.events);
        ({ more } = page);
      }
      if (events.length > 0) return { id: batch.id, events };
      await this.#engine.settle(batch.id, []);
    }
  }

  async ack(batchId: string): Promise<boolean> {
    this.#nacked.delete(batchId);
    return readId(batchId) !== undefined && this.#engine.settle(batchId, []);
  }

  async nack(batchId: string, { id }: { id: string }, retryAfter: number, reason: string | undefined): Promise<void> {
    if (this.#nacked.get(batchId)?.has(id) === true) return;
    if (readId(batchId) === undefined || readId(id) === undefined) throw unknown(batchId, id);
    try {
      await this.#connection.query(NACK, [batchId, [id], [retryAfter], [reason ?? null]]);
    } catch (error) {
      throw isRaised(error, /not found/i) ? unknown(batchId, id, error) : error;
    }
    this.#remember(batchId, id);
  }

  async deadLetters(filter: DeadEventFilter, limit: number): Promise<DeadEvent[]> {
    return this.#letters.list(filter, limit);
  }

  async replay(which: string | DeadEventFilter): Promise<number> {
    return this.#letters.replay(which);
  }

  async purge(stream: string, olderThan: number): Promise<number> {
    return this.#letters.purge(stream, olderThan);
  }

  #remember(batchId: string, id: string): void {
    const nacked = this.#nacked.get(batchId) ?? new Set();
    this.#nacked.set(batchId, nacked.add(id));
    if (this.#nacked.size <= REMEMBERED) return;
    const [oldest] = this.#nacked.keys();
    this.#nacked.delete(oldest!);
  }
}

function unknown(batchId: string, id: string, cause?: unknown): UnknownBatchError {
  return new UnknownBatchError(
    `Event ${id} is in no open batch ${batchId} of PgQue: that was acknowledged, or never handed out`,
    {
      cause,
    },
  );
}
