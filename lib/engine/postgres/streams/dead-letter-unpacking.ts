import type { DeadEvent } from '../../batch-engine.interface.js';
import { scopedId } from './scoped-id.js';

/** A dead event of a group, as it is stored. */
export interface DeadLetterRow {
  readonly group_id: number;
  readonly consumer_group: string;
  readonly id: string;
  readonly died_at: number;
  readonly reason: string;
  readonly type: string;
  readonly payload: string;
  readonly key: string | null;
  readonly headers: string | null;
  readonly cursor: string | null;
  readonly published_at: number;
  readonly attempt: number;
}

/** Of a dead event `d`: why it is dead is what its last attempt failed with, if it said. */
export const DEAD_LETTER_ROW = `d.job_id as id, floor(date_part('epoch', d.died_at) * 1000) as died_at,
  coalesce(d.meta #>> '{errors,-1,message}', d.reason) as reason, d.name as type, d.payload, d.options->>'key' as key,
  (d.options->'headers')::text as headers, d.options->>'cursor' as cursor,
  floor(date_part('epoch', d.created_at) * 1000) as published_at, d.attempt`;

export function toDeadEvent(row: DeadLetterRow): DeadEvent {
  const { id, type, payload, key, headers, cursor, published_at, attempt } = row;
  return {
    id: scopedId(row.group_id, id),
    group: row.consumer_group,
    event: {
      record: {
        id,
        type,
        data: payload,
        key,
        headers,
        publishedAt: published_at,
        txid: '',
        cursor: cursor ?? '',
      },
      retryCount: attempt - 1,
    },
    reason: row.reason,
    at: row.died_at,
  };
}
