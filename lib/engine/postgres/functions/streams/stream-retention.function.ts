import type { SchemaNames } from '../../schema-names.js';
import { REFUSE_OLD_SNAPSHOT } from '../run-locks.js';
import { holdOf } from './slots.js';
import { ALL_LANES, oldestOpen } from './stream-floors.function.js';

/** How long a stream keeps its events after all groups have passed them, unless it says otherwise: ms. */
export const DEFAULT_RETENTION = 86_400_000;

export const KEPT_FOR = (settings: string): string =>
  `coalesce((${settings} #>> '{retention}')::float8, ${DEFAULT_RETENTION}) * interval '1 millisecond'`;

/** How often it is noted what all groups have passed: a hundredth of that. */
const NOTED_EACH = (settings: string): string =>
  `least(greatest(${KEPT_FOR(settings)} / 100, interval '1 minute'), interval '15 minutes')`;

/**
 * Notes what the groups of each stream have passed by now, slots without events included: retention counts from then. And up to where a group's batches have
 * all ended, so that nobody looks for an open one among those again.
 */
export const noteStreams = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.note_streams() returns void
language plpgsql set enable_seqscan = off as $fn$
declare
  _group int;
begin${REFUSE_OLD_SNAPSHOT('note_streams')}
  perform pg_advisory_xact_lock_shared(${s}.lock_key('guard'));
  for _group in select q.queue_id from ${s}.queue q where q.kind = 'g' and ${holdOf('q.settings')} = 'key' order by 1 loop
    perform pg_advisory_xact_lock(${s}.lock_key('queue', _group::text));
    perform ${s}.advance_idle(_group);
  end loop;
  insert into ${s}.stream_lane as g (group_id, lane, open_from)
  select q.queue_id, k.lane, coalesce(o.n, c.n + 1) from ${s}.queue q cross join ${ALL_LANES} k (lane)
    left join ${s}.stream_lane x on x.group_id = q.queue_id and x.lane = k.lane
   cross join lateral (select l.n from ${s}.lease l where l.queue_id = q.queue_id and l.lane = k.lane order by l.n desc limit 1) c
    left join lateral (${oldestOpen(s, 'q.queue_id', 'k.lane', 'coalesce(x.open_from, 0)')}) o on true
   where q.kind = 'g'
  on conflict (group_id, lane) do update set open_from = excluded.open_from where excluded.open_from > g.open_from;

  insert into ${s}.stream_mark (stream_id, at, passed)
  select p.stream_id, clock_timestamp(), p.passed from ${s}.stream_passed() p join ${s}.queue q on q.queue_id = p.stream_id
   where ${KEPT_FOR('q.settings')} > interval '0' and not exists (
     select from ${s}.stream_mark m where m.stream_id = p.stream_id and m.at > clock_timestamp() - ${NOTED_EACH('q.settings')})
  on conflict do nothing;
  -- one that is old enough is wanted: the newest
  delete from ${s}.stream_mark m using ${s}.queue q
   where q.queue_id = m.stream_id and exists (
     select from ${s}.stream_mark x where x.stream_id = m.stream_id and x.at > m.at and x.at <= clock_timestamp() - ${KEPT_FOR('q.settings')});
end
$fn$`;

/**
 * What may go of each stream: all groups had passed it when that was noted, it has been kept since, and none has gone back
 * to where it is wanted again.
 */
export const streamGone = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.stream_gone() returns table (stream_id int, gone pg_snapshot)
language sql stable as $fn$
select p.stream_id, case when ${KEPT_FOR('q.settings')} <= interval '0' then p.passed
         else ${s}.snapshots_meet(array[p.passed, coalesce(m.passed, '1:1:')]) end
  from ${s}.stream_passed() p join ${s}.queue q on q.queue_id = p.stream_id
  left join lateral (select x.passed from ${s}.stream_mark x
    where x.stream_id = p.stream_id and x.at <= clock_timestamp() - ${KEPT_FOR('q.settings')} order by x.at desc limit 1) m on true
$fn$`;

/** How long a closed segment of events need not be looked at: until the stream that keeps them shortest lets its last ones go. */
export const shortestKept = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.shortest_kept() returns interval
language sql stable
return (select coalesce(min(${KEPT_FOR('q.settings')} + ${NOTED_EACH('q.settings')}), interval '0') from ${s}.queue q where q.kind = 's')`;
