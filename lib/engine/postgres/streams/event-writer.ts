import type { SqlExecutor } from '../../../interfaces/transaction.interface.js';
import type { EventDraft } from '../../stream-engine.interface.js';
import type { PgConnection } from '../connection.js';
import { parseArray } from '../job-packing.js';
import type { Notifier } from '../notifier.js';
import { paginate } from '../paginate.js';
import type { QueueIds } from '../queue-ids.js';
import type { Statement } from '../statement.js';
import { packEvents } from './event-packing.js';

/** So many events are published in a millisecond. */
const QUICK = 100;

interface PublishedRow {
  readonly ids: string;
  readonly wake: string;
  /** Of a statement that announces by itself: not null when it has. */
  readonly notified?: boolean | null;
}

/**
 * Appends events, all or none, in as few statements as they fit.
 *
 * - On a caller's transaction it keeps to text parameters and results, which every driver passes alike.
 */
export class EventWriter {
  readonly #connection: PgConnection;
  readonly #streams: QueueIds;
  readonly #notifier: Notifier;

  constructor(connection: PgConnection, streams: QueueIds, notifier: Notifier) {
    this.#connection = connection;
    this.#streams = streams;
    this.#notifier = notifier;
  }

  async publish(stream: string, drafts: readonly EventDraft[], executor?: SqlExecutor): Promise<string[]> {
    const streamId = this.#streams.get(stream) ?? (await this.#streams.ensure(stream, executor));
    const pages = paginate(drafts);
    if (executor !== undefined) return this.#publishIn(executor, streamId, pages);
    if (pages.length === 1) return this.#publishAlone(streamId, pages[0]!);
    const rows = await this.#connection.transaction(async (client) =>
      this.#publishPages(client, streamId, pages, false),
    );
    this.#notifier.committed(rows.map(({ wake }) => wake));
    return rows.flatMap(({ ids }) => parseArray(ids));
  }

  /** In a transaction of its own, which announces what it has published when its turn has come. */
  async #publishAlone(streamId: number, drafts: readonly EventDraft[]): Promise<string[]> {
    const { schema } = this.#connection.names;
    const along = this.#notifier.takeAlong(drafts.length <= QUICK);
    const values = [streamId, ...packEvents(drafts)];
    let notified = false;
    try {
      const [row] =
        along === undefined
          ? await this.#connection.query<PublishedRow>({ text: publishEvents(schema) }, values)
          : await this.#connection.query<PublishedRow>(publishEventsAndWake(schema), [
              ...values,
              along.join(' ') || null,
            ]);
      notified = row!.notified === true;
      this.#notifier.committed([row!.wake], notified);
      return parseArray(row!.ids);
    } finally {
      if (along !== undefined && !notified) this.#notifier.committed(along);
    }
  }

  /** In the caller's transaction: a notification goes along, at most once in a while for a stream. */
  async #publishIn(executor: SqlExecutor, streamId: number, pages: readonly EventDraft[][]): Promise<string[]> {
    const along = this.#notifier.mayNotifyAlong(streamId);
    const rows = await this.#publishPages(executor, streamId, pages, along);
    if (!along) this.#notifier.uncommitted(rows.map(({ wake }) => wake));
    return rows.flatMap(({ ids }) => parseArray(ids));
  }

  async #publishPages(
    executor: SqlExecutor,
    streamId: number,
    pages: readonly EventDraft[][],
    along: boolean,
  ): Promise<PublishedRow[]> {
    const { schema } = this.#connection.names;
    const notified = along ? `, ${schema}.notify_once(p.wake)::text as notified` : '';
    const text = `select p.ids, p.wake${notified}
from ${schema}.publish_events($1::text::int, $2::text, $3::text, $4::text, $5::text) p`;
    const rows: PublishedRow[] = [];
    for (const page of pages) {
      const result = (await executor.query(text, [String(streamId), ...packEvents(page)])) as { rows: PublishedRow[] };
      rows.push(result.rows[0]!);
    }
    return rows;
  }
}

const publishEvents = (schema: string, more = ''): string =>
  `select p.ids, p.wake, null::boolean as notified${more} from ${schema}.publish_events($1, $2, $3, $4, $5) p`;

const publishEventsAndWake = (schema: string): Statement => ({
  // in a transaction block nothing is announced: what it should have taken along comes back
  text: publishEvents(schema, ', $6::text as also'),
  alone: `call ${schema}.publish_events_and_wake($1, $2, $3, $4, $5, $6, null, null, null)`,
});
