import { PINNED_PLAN, type SchemaNames } from '../../schema-names.js';
import { refuseAhead } from './refuse-ahead.js';
import { holdOf, LANES_OF, slotOf } from './slots.js';

/**
 * Moves a group's position: behind a cursor; to the end (no cursor); or before the first event that was published at a
 * time or later. What it has open, or has to repeat, stays as it is.
 *
 * A time is looked for from the oldest event on: times are nearly in the log's order, and not quite.
 */
export const seek = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.seek(
  _group_id int, _s0 pg_snapshot, _s1 pg_snapshot, _pos_txid xid8, _pos_id bigint, _time timestamptz
) returns void language plpgsql ${PINNED_PLAN} as $fn$
declare
  _first record;
begin
  perform pg_advisory_xact_lock_shared(${s}.lock_key('guard')), pg_advisory_xact_lock(${s}.lock_key('queue', _group_id::text));${refuseAhead('_s1')}
  _s1 := coalesce(_s1, pg_current_snapshot());
  if _time is not null then
    select e.txid, e.event_id into _first from ${s}.event e
     where e.stream_id = (select q.stream_id from ${s}.queue q where q.queue_id = _group_id)
       and e.published_at >= _time and pg_visible_in_snapshot(e.txid, _s1)
     order by e.txid, e.event_id limit 1;
    _s0 := null; _pos_txid := _first.txid; _pos_id := _first.event_id - 1;
  end if;
  perform ${s}.move_cursor(_group_id, l.lane, _s0, _s1, _pos_txid, _pos_id)
     from ${s}.queue q cross join lateral ${LANES_OF(holdOf('q.settings'))} l (lane) where q.queue_id = _group_id;
end
$fn$`;

/** What the groups of a stream have still to take: what comes after their positions, and what they repeat. */
export const streamLag = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.stream_lag(_stream text, _group text) returns table (consumer_group text, events bigint)
language plpgsql set enable_seqscan = off as $fn$
begin
  perform pg_advisory_xact_lock_shared(${s}.lock_key('guard'));
  return query
    select split_part(g.name, chr(31), 2),
           (select sum(a.events)::bigint from ${LANES_OF(holdOf('g.settings'))} l (lane)
             cross join lateral (select x.* from ${s}.lease x where x.queue_id = g.queue_id and x.lane = l.lane order by x.n desc limit 1) c
             cross join lateral ${s}.after_cursor(g.stream_id, c.s0, c.s1, c.pos_txid, c.pos_job, ${slotOf('l.lane')}) a)
             + (select w.jobs from ${s}.count_jobs(g.queue_id, 'waiting') w) + (select d.jobs from ${s}.count_jobs(g.queue_id, 'delayed') d)
      from ${s}.queue q join ${s}.queue g on g.stream_id = q.queue_id and g.kind = 'g'
     where q.name = chr(31) || _stream and (_group is null or g.name = _stream || chr(31) || _group);
end
$fn$`;
