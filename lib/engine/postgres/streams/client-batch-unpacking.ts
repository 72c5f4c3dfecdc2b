import type { DeliveredEvent, ReceivedBatch } from '../../batch-engine.interface.js';
import { parseArray } from '../job-packing.js';
import { PACK_SEPARATOR } from '../schema-names.js';
import { type EventRow, unpackEvents } from './event-packing.js';
import { scopedId } from './scoped-id.js';

/** One row of receive_batch(): a stretch of a batch's events, or those that come again. */
export interface ClientBatchRow extends Omit<EventRow, 'ids'> {
  readonly claim_no: string;
  /** Null: all of them have ended. */
  readonly ids: string | null;
  /** Of those that come again: the attempt that each is at, and its cursor. */
  readonly attempts: string | null;
  readonly cursors: string | null;
  /** The ids of those that were nacked. */
  readonly nacked: string | null;
}

export const CLIENT_BATCH_ROW =
  'claim_no, at_s0, at_s1, ids, txids, published, types, keys, headers, payloads, attempts, cursors, nacked';

/** Undefined when there is none. It may have no events: all of them were nacked. */
export function unpackClientBatch(groupId: number, rows: readonly ClientBatchRow[]): ReceivedBatch | undefined {
  const [first] = rows;
  return first && { id: scopedId(groupId, first.claim_no), events: rows.flatMap(unpackRow) };
}

function unpackRow(row: ClientBatchRow): DeliveredEvent[] {
  if (row.ids === null) return [];
  const records = unpackEvents(row as EventRow);
  if (row.attempts !== null) {
    const attempts = parseArray(row.attempts);
    const cursors = row.cursors!.split(PACK_SEPARATOR);
    return records.map(({ id, type, data, key, headers, publishedAt }, i) => ({
      record: { id, type, data, key, headers, publishedAt, txid: '', cursor: cursors[i]! },
      retryCount: Number(attempts[i]) - 1,
    }));
  }
  const nacked = new Set(row.nacked === null ? [] : parseArray(row.nacked));
  return records.filter(({ id }) => !nacked.has(id)).map((record) => ({ record, retryCount: 0 }));
}
