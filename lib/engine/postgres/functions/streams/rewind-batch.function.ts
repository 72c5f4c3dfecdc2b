import { eventOptions } from './scatter-batch.function.js';
import { perSegment, PINNED_PLAN, type SchemaNames } from '../../schema-names.js';

/**
 * Moves a group's position back into a batch, where the order of its events counts: behind `after` (a cursor; null: where the
 * batch began), not before `delay` ms are over. `tries` is kept for the event that comes first then. Nothing, when the position
 * is not where the batch left it: somebody has moved it.
 */
export const rewindBatch = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.rewind_batch(_group_id int, _lane int, _n bigint, _after text, _delay float8, _tries jsonb) returns void
language plpgsql ${PINNED_PLAN} as $fn$
declare
  _l record;
begin
  perform pg_advisory_xact_lock(${s}.lock_key('queue', _group_id::text));
  select l.* into _l from ${s}.lease l where l.queue_id = _group_id and l.lane = _lane order by l.n desc limit 1;
  if _l.n is distinct from _n or _l.from_s1 is null then
    return;
  end if;
  if _after is null then
    perform ${s}.move_cursor(_group_id, _lane, _l.from_s0, _l.from_s1, _l.from_txid, _l.from_job,
      clock_timestamp() + _delay * interval '1 millisecond', _tries);
  else
    perform ${s}.move_cursor(_group_id, _lane, nullif(split_part(_after, '/', 1), '')::pg_snapshot, split_part(_after, '/', 2)::pg_snapshot,
      split_part(_after, '/', 3)::xid8, split_part(_after, '/', 4)::bigint, clock_timestamp() + _delay * interval '1 millisecond', _tries);
  end if;
end
$fn$`;

/**
 * The same for a batch that was lost with its process: before the first of its events that has not ended; those behind it that
 * have are left out then. It is taken alone from then on; when it was lost more than `most` times it is dead, and the others go on.
 *
 * Returns the event if it is dead.
 */
export const rewindLost = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.rewind_lost(_group_id int, _lane int, _n bigint, _most int) returns bigint
language plpgsql ${PINNED_PLAN} as $fn$
declare
  _l record; _ids bigint[]; _txids xid8[]; _cursors text[]; _lost bigint[]; _skip bigint[]; _i int; _after text; _times int; _dead bigint;
begin
  select l.*, q.stream_id, coalesce((q.settings->>'attempts')::smallint, 6::smallint) as attempts into _l
    from ${s}.lease l join ${s}.queue q on q.queue_id = l.queue_id
   where l.queue_id = _group_id and l.lane = _lane and l.n = _n limit 1;
  select array_agg(e.id), array_agg(e.txid), array_agg(e.cursor) into _ids, _txids, _cursors from ${s}.batch_places(_group_id, _lane, _n) e;
  ${perSegment(
    '_l.result_seg',
    (i) => `
  with lost as (
    insert into ${s}.result_${i} (queue_id, job_id, run, state) select _group_id, x.id, -_n, 'l' from unnest(_ids) x (id)
    order by x.id on conflict do nothing returning job_id
  )
  select coalesce(array_agg(x.job_id), '{}') into _lost from lost x;`,
  )}
  _skip := array(select k::bigint from jsonb_array_elements_text(coalesce(_l.tries->'skip', '[]')) k);
  _lost := array(select x.id from unnest(_lost) x (id) where x.id <> all(_skip));
  _i := (select min(x.i) from unnest(_ids) with ordinality x (id, i) where x.id = any(_lost));
  _times := coalesce((_l.tries->>'lost')::int, 0) + 1;
  if _times > _most and _i is not null then
    _dead := _ids[_i];
    insert into ${s}.dead (queue_id, lane, job_id, created_at, run, attempt, max_attempts, lost, name, payload, options, reason, meta)
    select _group_id, 0, v.event_id, v.published_at, ${s}.next_event_run(_group_id, v.event_id) - 1, coalesce((_l.tries->>'attempt')::int, 1), _l.attempts, _times, v.type, v.payload,
           ${eventOptions('v', '_cursors[_i]')}, 'stalled', jsonb_build_object('errors', coalesce(_l.tries->'errors', '[]')
             || jsonb_build_object('message', 'The event stalled: its process was gone before it ended, ' || _times || ' times'))
      from ${s}.event v where v.stream_id = _l.stream_id and v.txid = _txids[_i] and v.event_id = _dead limit 1
    on conflict do nothing;
    _i := _i + 1;
  end if;
  _after := _cursors[coalesce(_i, cardinality(_ids) + 1) - 1];
  perform ${s}.rewind_batch(_group_id, _lane, _n, _after, 0,
    case when _i is not null then jsonb_strip_nulls(
      case when _dead is null then coalesce(_l.tries, '{}') || jsonb_build_object('lost', _times, 'single', cardinality(_ids) - _i + 1) else '{}' end
      || jsonb_build_object('skip', (select jsonb_agg(x.id) from (
           select x.id from unnest(_ids) with ordinality x (id, i) where x.i > _i and x.id <> all(_lost)
           union select k from unnest(_skip) k) x (id)))) end);
  return _dead;
end
$fn$`;
