import type { SchemaNames } from '../../schema-names.js';
import { STREAM_LANE } from '../../../worker-engine.interface.js';
import { holdOf, LANES_OF, NO_KEY_LANE } from './slots.js';
import { unended } from '../unended.js';

/** What is visible in all of these snapshots, as one. */
export const snapshotsMeet = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.snapshots_meet(_of pg_snapshot[]) returns pg_snapshot
language sql immutable strict as $fn$
select format('%s:%s:%s', coalesce(x.running[1], m.xmax), m.xmax, array_to_string(x.running, ','))::pg_snapshot
  from (select (array_agg(pg_snapshot_xmax(o) order by pg_snapshot_xmax(o)))[1] as xmax from unnest(_of) o) m
 cross join lateral (
   select array_agg(distinct x order by x) as running from unnest(_of) o cross join lateral pg_snapshot_xip(o) x where x < m.xmax) x
$fn$`;

/** What a cursor has passed for certain: all transactions that are visible in this snapshot. It may have begun with one more. */
export const cursorFloor = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.cursor_floor(_s0 pg_snapshot, _s1 pg_snapshot, _pos_txid xid8) returns pg_snapshot
language sql immutable
return case when _pos_txid is null then _s1
  else ${s}.snapshots_meet(array[_s1, coalesce(_s0, format('%1$s:%1$s:', _pos_txid)::pg_snapshot)]) end`;

/** The oldest batch of a group's lane that has not ended, if there is one. What lies before `open_from` has, and is not looked at. */
export const oldestOpen = (s: string, group: string, lane: string, openFrom: string): string => `
    select l.* from ${s}.lease l
     where l.queue_id = ${group} and l.lane = ${lane} and l.n >= ${openFrom} and l.from_s1 is not null
       and (select ${unended(s)} from (select l.job_ids[1] as job_id, 1 as run) j)
     order by l.n limit 1`;

/** Also those that a group has read before it began to hold keys, or ended that: a batch may be open there. */
export const ALL_LANES = `generate_series(${STREAM_LANE}, ${NO_KEY_LANE})`;

/**
 * What each group has done with, lane by lane: up to the cursor before its oldest open batch, or its newest. Not while leases are being
 * moved, which a snapshot from before would miss: under the guard, or by who is at upkeep himself.
 */
export const streamFloors = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.stream_floors() returns table (stream_id int, group_id int, passed pg_snapshot)
language sql stable set enable_seqscan = off as $fn$
select q.stream_id, q.queue_id, coalesce(case when o.n is null then ${s}.cursor_floor(c.s0, c.s1, c.pos_txid)
         else ${s}.cursor_floor(o.from_s0, o.from_s1, o.from_txid) end, '1:1:')
  from ${s}.queue q
 cross join ${ALL_LANES} k (lane)
  left join ${s}.stream_lane g on g.group_id = q.queue_id and g.lane = k.lane
  left join lateral (select l.* from ${s}.lease l where l.queue_id = q.queue_id and l.lane = k.lane order by l.n desc limit 1) c on true
  left join lateral (${oldestOpen(s, 'q.queue_id', 'k.lane', 'coalesce(g.open_from, 0)')}) o on true
 where q.kind = 'g' and (o.n is not null or exists (select from ${LANES_OF(holdOf('q.settings'))} u (lane) where u.lane = k.lane))
$fn$`;

/** What all groups of a stream have done with; of one without groups, all that there is. */
export const streamPassed = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.stream_passed() returns table (stream_id int, passed pg_snapshot)
language sql stable as $fn$
select q.queue_id, coalesce(${s}.snapshots_meet(array_agg(f.passed) filter (where f.passed is not null)), pg_current_snapshot())
  from ${s}.queue q left join ${s}.stream_floors() f on f.stream_id = q.queue_id
 where q.kind = 's' group by 1
$fn$`;
