import type { PgqueEvent } from '../pgque-engine.interface.js';

/** An event in the columns that `EVENT_COLUMNS` selects: all text, so that no type parser of the application's has a say. */
export interface PgqueEventRow {
  readonly id: string;
  readonly type: string | null;
  readonly payload: string | null;
  readonly retry: string | null;
  readonly at: string;
  readonly extra1: string | null;
  readonly extra2: string | null;
}

/** Of a row with the columns that PgQ gives its events. */
export const EVENT_COLUMNS = `ev_id::text as id, ev_type as type, ev_data as payload, ev_retry::text as retry,
  floor(extract(epoch from ev_time) * 1000)::text as at, ev_extra1 as extra1, ev_extra2 as extra2`;

/**
 * What PgQue stores of an event, as this package reads it: events come from programs in other languages too.
 *
 * - The payload is JSON, or else the data is the text itself. None is null.
 * - The key is extra1, where PgQue keeps its partition keys. Headers are extra2, when that is a JSON object of texts.
 * - No type is an empty one.
 */
export function readEvent({ id, type, payload, retry, at, extra1, extra2 }: PgqueEventRow): PgqueEvent {
  return {
    record: {
      id,
      type: type ?? '',
      data: asJson(payload),
      key: extra1,
      headers: isHeaders(extra2) ? extra2 : null,
      publishedAt: Number(at),
      txid: '',
      cursor: '',
    },
    retryCount: Number(retry ?? 0),
  };
}

function asJson(payload: string | null): string {
  if (payload === null) return 'null';
  return parse(payload) === undefined ? JSON.stringify(payload) : payload;
}

function isHeaders(text: string | null): boolean {
  if (text?.startsWith('{') !== true) return false;
  const value = parse(text);
  return (
    typeof value === 'object' && value !== null && Object.values(value).every((member) => typeof member === 'string')
  );
}

/** JSON has no undefined: it says that this is none. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
