import { UnknownBatchError } from '../../../errors/unknown-batch.error.js';
import { OrderedGroupError } from '../../../errors/ordered-group.error.js';
import { UnknownGroupError } from '../../../errors/unknown-group.error.js';
import type { BatchEngine, DeadEvent, DeadEventFilter, ReceivedBatch } from '../../batch-engine.interface.js';
import type { StreamEngine } from '../../stream-engine.interface.js';
import { adopting } from '../adopting.js';
import type { PgConnection } from '../connection.js';
import { sqlState } from '../connection-faults.js';
import type { Notifier } from '../notifier.js';
import type { QueueIds } from '../queue-ids.js';
import { SqlState } from '../schema-names.js';
import { CLIENT_BATCH_ROW, type ClientBatchRow, unpackClientBatch } from './client-batch-unpacking.js';
import { readCursor } from './cursor.js';
import { DEAD_LETTER_ROW, type DeadLetterRow, toDeadEvent } from './dead-letter-unpacking.js';
import { readScopedId } from './scoped-id.js';

/** Characters of data in one batch: bounds what is sent at once. One event at least. */
const BATCH_BYTES = 8 * 1024 * 1024;
/** Dead letters that are handed out again, or deleted, in one transaction. */
const DEAD_AT_ONCE = 1_000;

/** Batches of the module's own streams for clients: mostly one statement a method. */
export class PostgresBatchEngine implements BatchEngine {
  readonly #connection: PgConnection;
  readonly #streams: QueueIds;
  readonly #log: Pick<StreamEngine, 'subscribe' | 'unsubscribe'>;
  readonly #notifier: Notifier;

  constructor(
    connection: PgConnection,
    streams: QueueIds,
    log: Pick<StreamEngine, 'subscribe' | 'unsubscribe'>,
    notifier: Notifier,
  ) {
    this.#connection = connection;
    this.#streams = streams;
    this.#log = log;
    this.#notifier = notifier;
  }

  async subscribe(stream: string, group: string, from: 'start' | 'end'): Promise<boolean> {
    return (await this.#log.subscribe(stream, group, from)).isNew;
  }

  async unsubscribe(stream: string, group: string): Promise<boolean> {
    return (await this.#streams.find(stream)) !== undefined && this.#log.unsubscribe(stream, group);
  }

  async receive(stream: string, group: string, max: number): Promise<ReceivedBatch | undefined> {
    for (;;) {
      const batch = await this.#receive(stream, group, max);
      if (batch === undefined || batch.events.length > 0) return batch;
      // whoever has nacked all of it did not come to acknowledge it
      await this.ack(batch.id);
    }
  }

  /** What is due again waits then. Returns the group's id. @throws UnknownGroupError */
  async #promote(stream: string, group: string, max: number): Promise<number> {
    const [row] = await adopting<{ group_id: number }>(
      this.#connection,
      { text: `select g.group_id from (${groups(this.#s)}) g cross join lateral ${this.#s}.promote(g.group_id, $3) p` },
      [stream, group, max],
    );
    if (row === undefined)
      throw new UnknownGroupError(`Stream '${stream}' has no group '${group}': subscribe it first`);
    return row.group_id;
  }

  async #receive(stream: string, group: string, max: number): Promise<ReceivedBatch | undefined> {
    const groupId = await this.#promote(stream, group, max);
    const text = `select ${CLIENT_BATCH_ROW} from ${this.#s}.receive_batch($1, $2, $3)`;
    try {
      const rows = await adopting<ClientBatchRow>(this.#connection, { text }, [groupId, max, BATCH_BYTES]);
      return unpackClientBatch(groupId, rows);
    } catch (error) {
      const state = sqlState(error);
      // it was removed just now
      if (state === SqlState.noSuchGroup) throw new UnknownGroupError((error as Error).message, { cause: error });
      if (state !== SqlState.orderedGroup) throw error;
      throw new OrderedGroupError(
        `Group '${group}' of stream '${stream}' keeps an order (hold), which only its @StreamConsumer() can: receive for another group`,
        { cause: error },
      );
    }
  }

  async ack(batchId: string): Promise<boolean> {
    const batch = readScopedId(batchId);
    if (batch === undefined) return false;
    const [row] = await this.#query<{ ended: boolean }>(`select ${this.#s}.ack_batch($1, $2) as ended`, [
      batch.groupId,
      batch.n,
    ]);
    return row!.ended;
  }

  async nack(
    batchId: string,
    event: { readonly id: string; readonly cursor: string },
    retryAfter: number,
    reason: string | undefined,
  ): Promise<void> {
    const batch = readScopedId(batchId);
    const place = readCursor(event.cursor)?.place;
    const txid = place?.id === event.id ? place.txid : null;
    if (batch !== undefined && /^\d{1,18}$/.test(event.id)) {
      const [row] = await this.#query<{ became: string | null }>(
        `select ${this.#s}.nack_event($1, $2, $3, $4, $5, $6, $7) as became`,
        [batch.groupId, batch.n, event.id, txid, event.cursor, retryAfter, reason ?? null],
      );
      if (row!.became !== null) return;
    }
    throw new UnknownBatchError(
      `Event '${event.id}' is in no open batch '${batchId}': that was acknowledged, or never had it`,
    );
  }

  async deadLetters({ stream, group }: DeadEventFilter, limit: number): Promise<DeadEvent[]> {
    const rows = await this.#query<DeadLetterRow>(
      `select d.* from (${groups(this.#s)}) g
 cross join lateral (select g.group_id, g.consumer_group, ${DEAD_LETTER_ROW}, d.died_at as died, d.job_id from ${this.#s}.dead d
   where d.queue_id = g.group_id order by d.died_at desc, d.job_id desc limit $3) d
 order by d.died desc, d.job_id desc limit $3`,
      [stream, group ?? null, limit],
    );
    return rows.map(toDeadEvent);
  }

  async replay(which: string | DeadEventFilter): Promise<number> {
    if (typeof which === 'string') {
      const letter = readScopedId(which);
      return letter === undefined ? 0 : this.#replay(letter.groupId, letter.n, null);
    }
    // what dies again meanwhile stays
    const before = await this.#ago(0);
    const { stream, group = null } = which;
    const found = await this.#query<{ group_id: number }>(groups(this.#s), [stream, group]);
    let replayed = 0;
    for (const { group_id } of found) {
      replayed += await untilNone(async () => this.#replay(group_id, null, before));
    }
    return replayed;
  }

  async #replay(groupId: number, eventId: string | null, before: number | null): Promise<number> {
    const [row] = await this.#query<{ replayed: number; wake: string[] | null }>(
      `select replayed, wake from ${this.#s}.replay_dead($1, $2, to_timestamp($3::float8 / 1000), $4)`,
      [groupId, eventId, before, DEAD_AT_ONCE],
    );
    if (row!.wake !== null) this.#notifier.committed(row!.wake);
    return row!.replayed;
  }

  async purge(stream: string, olderThan: number): Promise<number> {
    const streamId = await this.#streams.find(stream);
    if (streamId === undefined) return 0;
    const before = await this.#ago(olderThan);
    return untilNone(async () => {
      const [row] = await this.#query<{ purged: number }>(
        `select ${this.#s}.purge_dead_events($1, to_timestamp($2::float8 / 1000), $3) as purged`,
        [streamId, before, DEAD_AT_ONCE],
      );
      return row!.purged;
    });
  }

  /** So long ago, by the database's clock: epoch milliseconds, rounded up, so that what has just been written is before now. */
  async #ago(ms: number): Promise<number> {
    const [row] = await this.#query<{ at: number }>(
      `select ceil(date_part('epoch', clock_timestamp()) * 1000) - $1::float8 as at`,
      [ms],
    );
    return row!.at;
  }

  /** The schema, quoted. */
  get #s(): string {
    return this.#connection.names.schema;
  }

  async #query<Row extends object>(text: string, values: unknown[]): Promise<Row[]> {
    return this.#connection.query<Row>(text, values);
  }
}

/** How many they were in all, when none was left. */
async function untilNone(some: () => Promise<number>): Promise<number> {
  let [all, last] = [0, 0];
  do {
    last = await some();
    all += last;
  } while (last > 0);
  return all;
}

/** The groups of a stream, by name; one, where the second parameter is not null. */
const groups = (s: string): string => `select g.queue_id as group_id, split_part(g.name, chr(31), 2) as consumer_group
  from ${s}.queue q join ${s}.queue g on g.stream_id = q.queue_id and g.kind = 'g'
 where q.name = chr(31) || $1::text and ($2::text is null or g.name = $1 || chr(31) || $2::text)`;
