import { currentSegment } from '../../rings.js';
import { perSegment, PINNED_PLAN, type SchemaNames } from '../../schema-names.js';
import { holdOf } from './slots.js';

/** An event's options as a job: what it has beside type and data. */
export const eventOptions = (v: string, cursor: string): string =>
  `jsonb_strip_nulls(jsonb_build_object('key', ${v}.key, 'headers', ${v}.headers, 'cursor', ${cursor}))`;

const COLUMNS = 'queue_id, lane, job_id, created_at, run, attempt, max_attempts, name, payload, options, meta';

/**
 * Ends the events of a batch that have not ended as runs of their own; as jobs of the group they go on one by one, under the
 * ids they have. Their results in this batch, whose number below zero is their run in it, stand beside the batch's own: whoever completes one of them late meets that.
 *
 * `how` says what follows, as finish()'s `next`: delay (ms), to ('front', 'home'), reason (they are dead); charge, error. Or
 * `lost`: they come to the lanes of what was lost with its process; with `reason` they are dead, as nothing may be lost.
 *
 * Where keys are held, it is for one event: which holds its key when it is retried.
 *
 * Returns the events, and the lanes they were appended to.
 */
export const scatterBatch = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.scatter_batch(_group_id int, _lane int, _n bigint, _state "char", _how jsonb, out events bigint[], out lanes int[])
language plpgsql ${PINNED_PLAN} as $fn$
declare
  _stream_id int; _hold text; _result_seg smallint; _segment smallint; _attempts smallint; _attempt smallint := 1 + coalesce((_how->>'charge')::int, 0);
  _meta jsonb := case when _how ? 'error' then jsonb_build_object('errors', jsonb_build_array(_how->'error')) end;
  _ids bigint[]; _txids xid8[]; _cursors text[];
begin
  events := '{}'; lanes := '{}';
  select l.result_seg, q.stream_id, coalesce((q.settings->>'attempts')::smallint, 6::smallint), ${holdOf('q.settings')} into _result_seg, _stream_id, _attempts, _hold
    from ${s}.lease l join ${s}.queue q on q.queue_id = l.queue_id
   where l.queue_id = _group_id and l.lane = _lane and l.n = _n limit 1;
  if not found then
    return;
  end if;
  select array_agg(e.id), array_agg(e.txid), array_agg(e.cursor) into _ids, _txids, _cursors from ${s}.batch_places(_group_id, _lane, _n) e;
  ${perSegment(
    '_result_seg',
    (i) => `
  with ended as (
    insert into ${s}.result_${i} (queue_id, job_id, run, state) select _group_id, x.id, -_n, _state from unnest(_ids) x (id)
    order by x.id on conflict do nothing returning job_id
  )
  select coalesce(array_agg(e.job_id), '{}') into events from ended e;`,
  )}
  if _how ? 'reason' then
    insert into ${s}.dead (queue_id, lane, job_id, created_at, run, attempt, max_attempts, name, payload, options, meta, reason)
    select ${values(`0, v.event_id, v.published_at, ${s}.next_event_run(_group_id, v.event_id) - 1`)}, _how->>'reason' from ${ended(s)}
    on conflict do nothing;
  elsif _how ? 'delay' then
    _segment := ${currentSegment(s, 'delayed')};
    ${perSegment(
      '_segment',
      (i) => `
    insert into ${s}.delayed_${i} (${COLUMNS}, run_at)
    select ${values(`0, v.event_id, v.published_at, ${s}.next_event_run(_group_id, v.event_id)`)}, clock_timestamp() + (_how->>'delay')::float8 * interval '1 millisecond'
      from ${ended(s)} order by p.i;`,
    )}
    if _hold = 'key' then
      insert into ${s}.held_key (group_id, key, event_id) select _group_id, v.key, v.event_id from ${ended(s)} and v.key is not null
      on conflict (group_id, key) do nothing;
    end if;
  else
    _segment := ${currentSegment(s, 'entry')};
    ${perSegment(
      '_segment',
      (i) => `
    with appended as (
      insert into ${s}.entry_${i} (${COLUMNS})
      select ${values(`case when _how ? 'lost' then ${s}.special_lane(_group_id, 'l', v.type, 0::smallint) when _how->>'to' = 'front' then -1 else 0 end,
             v.event_id, v.published_at, ${s}.next_event_run(_group_id, v.event_id)`)}
        from ${ended(s)} order by p.i
      returning lane
    )
    select coalesce(array_agg(distinct a.lane), '{}') into lanes from appended a;`,
    )}
  end if;
end
$fn$`;

const values = (place: string): string =>
  `_group_id, ${place}, _attempt, _attempts, v.type, v.payload, ${eventOptions('v', 'p.cursor')}, _meta`;

/** The events that were ended here, one by one by their index. */
const ended = (s: string): string => `unnest(_ids, _txids, _cursors) with ordinality p (id, txid, cursor, i)
     cross join lateral (select e.* from ${s}.event e
       where e.stream_id = _stream_id and e.txid = p.txid and e.event_id = p.id limit 1) v
     where p.id = any(events)`;

/** The run under which an event becomes a job of its group: one it never had, as after a seek() it may have been one before. */
export const nextEventRun = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.next_event_run(_group_id int, _event_id bigint) returns int
language sql stable ${PINNED_PLAN} as $fn$
select 1 + greatest(1,
  (select r.run from ${s}.result r where r.queue_id = _group_id and r.job_id = _event_id order by r.run desc limit 1),
  (select e.run from ${s}.newest_run(_group_id, _event_id) e),
  (select d.run from ${s}.dead d where d.queue_id = _group_id and d.job_id = _event_id))
$fn$`;
