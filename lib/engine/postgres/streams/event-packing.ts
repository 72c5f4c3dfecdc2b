import type { EventDraft, EventRecord } from '../../stream-engine.interface.js';
import { parseArray } from '../job-packing.js';
import { PACK_SEPARATOR } from '../schema-names.js';
import { writeCursor } from './cursor.js';

/** The arguments of publish_events() after the stream. */
export function packEvents(drafts: readonly EventDraft[]): (string | null)[] {
  const [{ type }] = drafts as [EventDraft];
  return [
    drafts.every((draft) => draft.type === type) ? type : drafts.map((draft) => draft.type).join(PACK_SEPARATOR),
    pack(drafts.map(({ key }) => key)),
    pack(drafts.map(({ headers }) => headers)),
    drafts.map(({ data }) => data).join(PACK_SEPARATOR),
  ];
}

function pack(values: readonly (string | null)[]): string | null {
  return values.every((value) => value === null) ? null : values.map((value) => value ?? '').join(PACK_SEPARATOR);
}

/** A row of read_events() or take_batch(): a stretch of events, packed. What all have in common stands there once. */
export interface EventRow {
  readonly at_s0: string | null;
  readonly at_s1: string;
  readonly ids: string;
  readonly txids: string;
  readonly published: string;
  readonly types: string;
  readonly keys: string | null;
  readonly headers: string | null;
  readonly payloads: string;
}

export const EVENT_COLUMNS = 'ids, txids, published, types, keys, headers, payloads';

/** One event of a stretch. Its cursor is written when it is asked for: few are. */
class StretchEvent implements EventRecord {
  readonly #stretch: EventRow;
  readonly id: string;
  readonly txid: string;
  readonly type: string;
  readonly data: string;
  readonly key: string | null;
  readonly headers: string | null;
  readonly publishedAt: number;

  constructor(stretch: EventRow, [id, txid, publishedAt, type, data, key, headers]: readonly (string | null)[]) {
    this.#stretch = stretch;
    this.id = id!;
    this.txid = txid!;
    this.publishedAt = Number(publishedAt);
    this.type = type!;
    this.data = data!;
    this.key = key!;
    this.headers = headers!;
  }

  get cursor(): string {
    return writeCursor({ s0: this.#stretch.at_s0, s1: this.#stretch.at_s1, place: this });
  }
}

export function unpackEvents(row: EventRow): EventRecord[] {
  const ids = parseArray(row.ids);
  const txid = each(row.txids, row.txids.startsWith('{') ? parseArray(row.txids) : undefined);
  const published = each(row.published, row.published.startsWith('{') ? parseArray(row.published) : undefined);
  const type = each(row.types, row.types.includes(PACK_SEPARATOR) ? row.types.split(PACK_SEPARATOR) : undefined);
  const payloads = row.payloads.split(PACK_SEPARATOR);
  const keys = row.keys?.split(PACK_SEPARATOR);
  const headers = row.headers?.split(PACK_SEPARATOR);
  return ids.map(
    (id, i) =>
      new StretchEvent(row, [
        id,
        txid(i),
        published(i),
        type(i),
        payloads[i]!,
        keys?.[i] || null,
        headers?.[i] || null,
      ]),
  );
}

/** One for all, or each its own. */
function each(all: string, own: readonly string[] | undefined): (i: number) => string {
  return own === undefined ? () => all : (i) => own[i]!;
}
