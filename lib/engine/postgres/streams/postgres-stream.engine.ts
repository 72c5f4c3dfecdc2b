import { InvalidOptionsError, refuseOptions } from '../../../errors/invalid-options.error.js';
import { UnknownGroupError } from '../../../errors/unknown-group.error.js';
import { describeValue } from '../../../utils/describe-value.js';
import type { SqlExecutor } from '../../../interfaces/transaction.interface.js';
import type {
  EventDraft,
  EventPage,
  EventRecord,
  Group,
  GroupSettings,
  ReadFrom,
  ReadRequest,
  StreamEngine,
  StreamSettings,
} from '../../stream-engine.interface.js';
import type { PgConnection } from '../connection.js';
import { isRefusal, sqlState } from '../connection-faults.js';
import type { Notifier } from '../notifier.js';
import type { QueueIds } from '../queue-ids.js';
import { SqlState } from '../schema-names.js';
import { readCursor, START, type StreamCursor, writeCursor } from './cursor.js';
import { EVENT_COLUMNS, type EventRow, unpackEvents } from './event-packing.js';
import { EventWriter } from './event-writer.js';
import { StreamNews } from './stream-news.js';

interface ReadRow extends Omit<EventRow, 'ids'> {
  readonly ids: string | null;
  readonly s0: string | null;
  readonly s1: string;
  readonly pos_txid: string | null;
  readonly pos_id: string | null;
}

/** The publishing and reading side of the module's own streams: one statement a method. */
export class PostgresStreamEngine implements StreamEngine {
  readonly #connection: PgConnection;
  readonly #streams: QueueIds;
  readonly #writer: EventWriter;
  readonly #news: StreamNews;

  constructor(connection: PgConnection, streams: QueueIds, notifier: Notifier) {
    this.#connection = connection;
    this.#streams = streams;
    this.#writer = new EventWriter(connection, streams, notifier);
    this.#news = new StreamNews(streams, notifier);
  }

  isRefusal(error: unknown): boolean {
    return isRefusal(error);
  }

  isCursor(text: string): boolean {
    return readCursor(text) !== undefined;
  }

  async publish(stream: string, drafts: readonly EventDraft[], executor?: SqlExecutor): Promise<string[]> {
    return drafts.length === 0 ? [] : this.#writer.publish(stream, drafts, executor);
  }

  async read(stream: string, { from, limit, maxBytes, types }: ReadRequest): Promise<EventPage> {
    // null: no such stream yet, whose present is a cursor as any other's
    const streamId = (await this.#streams.find(stream)) ?? null;
    const reading = this.#connection.query<ReadRow>(
      {
        text: `select s0, s1, pos_txid, pos_id, at_s0, at_s1, ${EVENT_COLUMNS}
from ${this.#s}.read_stream($1, $2, $3, $4, $5, $6, $7, $8)`,
      },
      [streamId, ...cursorValues(from), limit, maxBytes, types],
    );
    const rows = await reading.catch((error: unknown) => {
      throw sqlState(error) === SqlState.invalidCursor ? foreignCursor(error) : error;
    });
    const last = rows.at(-1)!;
    const events: EventRecord[] = [];
    for (const row of rows) if (row.ids !== null) events.push(...unpackEvents(row as EventRow));
    const place = last.pos_txid === null ? null : { txid: last.pos_txid, id: last.pos_id! };
    return { events, cursor: writeCursor({ s0: last.s0, s1: last.s1, place }), more: place !== null };
  }

  async subscribe(stream: string, group: string, from: 'start' | 'end', settings: GroupSettings = {}): Promise<Group> {
    const streamId = await this.#streams.ensure(stream);
    const [row] = await this.#query<{ group_id: number; is_new: boolean }>(
      `select group_id, is_new from ${this.#s}.subscribe($1, $2, $3, $4)`,
      [streamId, group, from, JSON.stringify(settings)],
    );
    return { id: row!.group_id, streamId, isNew: row!.is_new };
  }

  async unsubscribe(stream: string, group: string): Promise<boolean> {
    const streamId = await this.#streams.find(stream);
    if (streamId === undefined) return false;
    const [row] = await this.#query<{ was: boolean }>(`select ${this.#s}.unsubscribe($1, $2) as was`, [
      streamId,
      group,
    ]);
    return row!.was;
  }

  async lag(stream: string, group?: string): Promise<Record<string, number>> {
    const rows = await this.#query<{ consumer_group: string; events: string }>(
      `select consumer_group, events from ${this.#s}.stream_lag($1, $2)`,
      [stream, group ?? null],
    );
    return Object.fromEntries(rows.map(({ consumer_group, events }) => [consumer_group, Number(events)]));
  }

  async configure(stream: string, settings: StreamSettings): Promise<void> {
    await this.#query(`select ${this.#s}.set_stream_settings($1, $2)`, [await this.#streams.ensure(stream), settings]);
  }

  async seek(stream: string, group: string, to: ReadFrom | { readonly time: Date }): Promise<void> {
    const streamId = await this.#streams.find(stream);
    if (streamId === undefined) throw unknownGroup(stream, group);
    const isTime = typeof to === 'object' && 'time' in to;
    try {
      await this.#query(`select ${this.#s}.seek(${this.#s}.group_id($1, $2), $3, $4, $5, $6, $7)`, [
        streamId,
        group,
        ...cursorValues(isTime ? 'end' : to),
        isTime ? to.time.toISOString() : null,
      ]);
    } catch (error) {
      if (sqlState(error) === SqlState.invalidCursor) throw foreignCursor(error);
      if (sqlState(error) !== SqlState.noSuchGroup) throw error;
      throw unknownGroup(stream, group, { cause: error });
    }
  }

  onPublished(stream: string, listener: () => void): () => void {
    return this.#news.on(stream, listener);
  }

  /** Whoever has the LISTEN connection passes on what it hears of streams. */
  heard(streamId: number): void {
    this.#news.heard(streamId);
  }

  /** The schema, quoted. */
  get #s(): string {
    return this.#connection.names.schema;
  }

  async #query<Row extends object>(text: string, values: unknown[]): Promise<Row[]> {
    return this.#connection.query<Row>(text, values);
  }
}

/** It says more than this server has seen: what it stands for is not here. */
function foreignCursor(cause: unknown): InvalidOptionsError {
  return new InvalidOptionsError(
    'cursor',
    `the cursor is ahead of this server, as those of another cluster may be: read from 'start', or seek to a time`,
    { cause },
  );
}

function unknownGroup(stream: string, group: string, options?: ErrorOptions): UnknownGroupError {
  return new UnknownGroupError(`Stream '${stream}' has no group '${group}': subscribe it first`, options);
}

/** Parameters of a cursor: s0, s1, txid, id; all null at the end. */
function cursorValues(from: ReadFrom): (string | null)[] {
  if (from === 'end') return [null, null, null, null];
  const { s0, s1, place } = from === 'start' ? START : parse(from.cursor);
  return [s0, s1, place?.txid ?? null, place?.id ?? null];
}

function parse(text: string): StreamCursor {
  const cursor = readCursor(text);
  if (cursor === undefined) {
    return refuseOptions('StreamService')(
      'after',
      `= ${describeValue(text)} is no cursor: give an event's own, as it was read, or 'start' or 'end'`,
    );
  }
  return cursor;
}
