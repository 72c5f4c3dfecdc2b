import { InvalidTransactionError } from '../../errors/invalid-transaction.error.js';
import type { SqlExecutor } from '../../interfaces/transaction.interface.js';
import type { PgConnection } from '../postgres/connection.js';
import type { PgqueBatch, PgqueEngine, PgqueFailure, PgquePage, PgqueQueue } from '../pgque-engine.interface.js';
import type { EventDraft } from '../stream-engine.interface.js';
import { checkPgque } from './pgque-check.js';
import { type PgqueEventRow, readEvent } from './pgque-event.js';
import { despiteRaces, explain, isUnknownBatch } from './pgque-faults.js';
import {
  ACK,
  BATCH_PAGE,
  CREATE_QUEUE,
  IS_SUBSCRIBED,
  LOCK_IN_TRANSACTION,
  NACK,
  NEXT_BATCH,
  QUEUE,
  SEND,
  SUBSCRIBE,
  SUBSCRIBE_AT_START,
  UNSUBSCRIBE,
} from './pgque-statements.js';

/** PgQue's functions, over the module's own connection: the installation is in the same database. */
export class PostgresPgqueEngine implements PgqueEngine {
  readonly #connection: PgConnection;

  constructor(connection: PgConnection) {
    this.#connection = connection;
  }

  async check(): Promise<void> {
    await checkPgque(this.#connection);
  }

  async queue(name: string): Promise<PgqueQueue | undefined> {
    const [row] = await this.#connection.query<{ max_retries: string }>(QUEUE, [name]);
    return row && { maxRetries: Number(row.max_retries) };
  }

  async createQueue(name: string): Promise<boolean> {
    return despiteRaces(async () => this.#did(CREATE_QUEUE, [name]));
  }

  async subscribe(queue: string, consumer: string, from: 'start' | 'end'): Promise<boolean> {
    try {
      return await despiteRaces(async () =>
        from === 'end' ? this.#did(SUBSCRIBE, [queue, consumer]) : this.#subscribeAtStart(queue, consumer),
      );
    } catch (error) {
      throw explain(error, queue);
    }
  }

  async unsubscribe(queue: string, consumer: string): Promise<boolean> {
    return this.#did(UNSUBSCRIBE, [queue, consumer]);
  }

  async send(queue: string, drafts: readonly EventDraft[], executor?: SqlExecutor): Promise<string[]> {
    if (drafts.length === 0) return [];
    try {
      if (executor !== undefined) return await sendIn(executor, queue, drafts);
      return await this.#connection.transaction(async (client) => sendIn(client, queue, drafts));
    } catch (error) {
      throw explain(error, queue);
    }
  }

  async nextBatch(queue: string, consumer: string, seconds?: number): Promise<PgqueBatch | undefined> {
    try {
      const [row] = await this.#connection.query<{ id: string; seconds: string }>({ text: NEXT_BATCH }, [
        queue,
        consumer,
        seconds ?? null,
      ]);
      return row && { id: row.id, seconds: Number(row.seconds) };
    } catch (error) {
      throw explain(error, queue, consumer);
    }
  }

  async page(batchId: string, from: number, limit: number): Promise<PgquePage> {
    const rows = await this.#connection.query<PgqueEventRow & { remaining: string }>({ text: BATCH_PAGE }, [
      batchId,
      from,
      limit,
    ]);
    return { events: rows.map(readEvent), more: Number(rows[0]?.remaining ?? 0) > rows.length };
  }

  async settle(batchId: string, failures: readonly PgqueFailure[]): Promise<boolean> {
    if (failures.length === 0) return acked(await this.#connection.query<AckRow>(ACK, [batchId]));
    try {
      return await this.#connection.transaction(async (client) => {
        await client.query(NACK, [
          batchId,
          failures.map(({ id }) => id),
          failures.map(({ retryAfter }) => retryAfter),
          failures.map(({ reason }) => reason),
        ]);
        return acked((await client.query(ACK, [batchId])).rows);
      });
    } catch (error) {
      if (isUnknownBatch(error)) return false;
      throw error;
    }
  }

  async settleIn(executor: SqlExecutor, batchId: string): Promise<boolean> {
    return acked((await executor.query(ACK, [batchId])).rows);
  }

  /** register_consumer_at() moves a consumer that is there: so nobody of this package's comes between looking and calling it. */
  async #subscribeAtStart(queue: string, consumer: string): Promise<boolean> {
    return this.#connection.transaction(async (client) => {
      await client.query(LOCK_IN_TRANSACTION, [`pgque subscribe ${JSON.stringify([queue, consumer])}`]);
      const [row] = (await client.query(IS_SUBSCRIBED, [queue, consumer])).rows as { is: string }[];
      if (row!.is === 'true') return false;
      const [done] = (await client.query(SUBSCRIBE_AT_START, [queue, consumer])).rows as DoneRow[];
      return done!.done === '1';
    });
  }

  async #did(text: string, values: unknown[]): Promise<boolean> {
    const [row] = await this.#connection.query<DoneRow>(text, values);
    return row!.done !== '0';
  }
}

interface DoneRow {
  readonly done: string;
}

interface AckRow {
  readonly acked: string;
}

const acked = (rows: readonly AckRow[]): boolean => rows[0]!.acked === '1';

/** Text alone goes over, which every driver passes alike. */
async function sendIn(executor: SqlExecutor, queue: string, drafts: readonly EventDraft[]): Promise<string[]> {
  const ids: string[] = [];
  for (const { type, data, key, headers } of drafts) {
    const { rows } = (await executor.query(SEND, [queue, type, data, key, headers])) as {
      rows: { id: string | null }[];
    };
    const { id } = rows[0]!;
    if (id === null) {
      throw new InvalidTransactionError(
        `tx is REPEATABLE READ or SERIALIZABLE: PgQue loses what is sent in such a transaction when its tables were rotated ` +
          `since the transaction's first statement; send in a READ COMMITTED one`,
      );
    }
    ids.push(id);
  }
  return ids;
}
