import { currentSegment } from '../../rings.js';
import { perSegment, PINNED_PLAN, type SchemaNames } from '../../schema-names.js';
import { REFUSE_OLD_SNAPSHOT } from '../run-locks.js';
import { inBatch } from './client-batch.function.js';
import { eventOptions } from './scatter-batch.function.js';

/** The locks of whoever ends something of a group's open batch, of whom there is one at a time; and that batch. */
const OPEN_BATCH = (s: string): string => `
  perform pg_advisory_xact_lock_shared(${s}.lock_key('guard')), pg_advisory_xact_lock(${s}.lock_key('client', _group_id::text));
  select h.*, q.stream_id, coalesce((q.settings->>'attempts')::smallint, 6::smallint) as attempts into _h
    from ${s}.client_head(_group_id) h join ${s}.queue q on q.queue_id = _group_id where h.open and h.claim_no = _claim_no;`;

/** Ends a batch that was handed out to a client, and those of its events that have not ended; whether it was open. */
export const ackBatch = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.ack_batch(_group_id int, _claim_no bigint) returns boolean
language plpgsql ${PINNED_PLAN} as $fn$
declare
  _h record;
begin${REFUSE_OLD_SNAPSHOT('ack_batch')}${OPEN_BATCH(s)}
  if not found then
    return false;
  end if;
  ${perSegment(
    '_h.result_seg',
    (i) => `
  insert into ${s}.result_${i} (queue_id, job_id, run, state)
  select _group_id, j.job_id, coalesce(j.run, 1), 'c' from unnest(_h.job_ids, _h.runs) j (job_id, run) order by j.job_id on conflict do nothing;`,
  )}
  return true;
end
$fn$`;

/**
 * One event of an open batch comes again as a job of its group, after `delay` ms; or it is dead when it was handed out as often
 * as may be. Returns what became of it: 'again', 'dead', or 'nacked' when it was before; null when it is not in the batch.
 *
 * - Where the event stands is said by whoever got it, and it is in the batch if the batch's cursors say so.
 * - The result that ends it in this batch has the batch's claim as its output. Its run is one that the event never had: after a
 *   seek() it may have ended in an earlier batch, as the first run and as others.
 */
export const nackEvent = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.nack_event(
  _group_id int, _claim_no bigint, _event_id bigint, _txid xid8, _cursor text, _delay float8, _reason text
) returns text language plpgsql ${PINNED_PLAN} as $fn$
declare
  _h record; _e record; _run int; _errors jsonb; _dead boolean; _segment smallint; _inserted int;
begin${REFUSE_OLD_SNAPSHOT('nack_event')}${OPEN_BATCH(s)}
  if not found then
    return null;
  end if;
  if _h.stream_n is not null then
    select v.published_at as created_at, 1::smallint as attempt, _h.attempts as max_attempts, 0::smallint as lost, v.type as name, v.payload,
           ${eventOptions('v', '_cursor')} as options, null::jsonb as meta into _e
      from ${s}.event v where v.stream_id = _h.stream_id and v.txid = _txid and v.event_id = _event_id and ${inBatch(s, '_h.stream_lane', '_h.stream_n', '_txid', '_event_id')} limit 1;
    if not found then
      return null;
    end if;
    if exists (select from ${s}.result r where r.queue_id = _group_id and r.job_id = _event_id and r.output = _claim_no::text) then
      return 'nacked';
    end if;
    _run := ${s}.next_event_run(_group_id, _event_id);
  else
    _run := _h.runs[1 + array_position(_h.job_ids[2:], _event_id)];
    select e.* into _e from ${s}.entry e where e.queue_id = _group_id and e.job_id = _event_id and e.run = _run limit 1;
    if not found then
      return null;
    end if;
  end if;
  _dead := _e.attempt >= _e.max_attempts;
  ${perSegment(
    '_h.result_seg',
    (i) => `
  insert into ${s}.result_${i} (queue_id, job_id, run, state, output)
  values (_group_id, _event_id, _run, case when _dead then 'f' else 'r' end, _claim_no::text) on conflict do nothing;
  get diagnostics _inserted = row_count;`,
  )}
  if _inserted = 0 then
    return 'nacked';
  end if;
  if _dead then
    _reason := coalesce(_reason, 'max retries exceeded');
  end if;
  _errors := coalesce(_e.meta->'errors', '[]') || case when _reason is null then '[]' else jsonb_build_array(jsonb_build_object('message', _reason)) end;
  if _dead then
    insert into ${s}.dead (queue_id, lane, job_id, created_at, run, attempt, max_attempts, lost, name, payload, options, meta, reason)
    values (_group_id, ${s}.line_of(_group_id, _e.name, _e.options), _event_id, _e.created_at, _run, _e.attempt, _e.max_attempts, _e.lost, _e.name, _e.payload,
            _e.options, jsonb_build_object('errors', _errors), 'exhausted')
    on conflict do nothing;
    return 'dead';
  end if;
  _segment := ${currentSegment(s, 'delayed')};
  ${perSegment(
    '_segment',
    (i) => `
  insert into ${s}.delayed_${i} (queue_id, lane, job_id, created_at, run, attempt, max_attempts, lost, name, payload, options, meta, run_at)
  values (_group_id, ${s}.line_of(_group_id, _e.name, _e.options), _event_id, _e.created_at, _run + 1, _e.attempt + 1, _e.max_attempts, _e.lost, _e.name, _e.payload,
          _e.options, jsonb_build_object('errors', _errors), clock_timestamp() + _delay * interval '1 millisecond');`,
  )}
  return 'again';
end
$fn$`;
