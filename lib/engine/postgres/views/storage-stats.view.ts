import { RINGS } from '../rings.js';
import { SEGMENTS, type SchemaNames } from '../schema-names.js';

/** The segments of the log: how large, and what keeps each. `busy`: reclaiming it was put off because somebody holds it. */
export const segmentStats = ({ schema: s, inFormat }: SchemaNames): string[] => [
  `drop view if exists ${s}.storage_stats`,
  `drop view if exists ${s}.segment_stats`,
  `create view ${s}.segment_stats as
select g.ring || '_' || g.segment as "table", greatest(pg_stat_get_live_tuples(t.oid) - 1, 0) as rows, pg_total_relation_size(t.oid) as bytes,
       case when r.current = g.segment then 'current' when not ${s}.segment_is_used(g.ring, g.segment) then 'empty'
            when l.held then 'busy' else 'retained' end as state,
       g.closed_at, g.look_at
  from ${s}.segment g
  join ${s}.ring r on r.ring = g.ring
 cross join lateral (select format('${inFormat}.%I', g.ring || '_' || g.segment)::regclass::oid as oid) t
 cross join lateral (select exists (select from pg_locks k join pg_stat_activity a on a.pid = k.pid
   where k.locktype = 'relation' and k.relation = t.oid and a.xact_start < clock_timestamp() - interval '1 second') as held) l
 where g.ring = any('{${RINGS.map(({ name }) => name).join(',')}}') and g.segment < ${SEGMENTS.length}`,
];

/** What holds back reclaiming: the oldest snapshot and the longest transaction in this database that this role may see. */
export const storageStats = ({ schema: s }: SchemaNames): string[] => [
  `create view ${s}.storage_stats as
select (select max(clock_timestamp() - a.xact_start) from pg_stat_activity a
         where a.datname = current_database() and a.backend_xmin is not null and a.pid <> pg_backend_pid()) as oldest_snapshot,
       (select max(clock_timestamp() - a.xact_start) from pg_stat_activity a
         where a.datname = current_database() and a.pid <> pg_backend_pid()) as longest_transaction,
       (select count(*) from ${s}.segment_stats g where g.state = 'busy') as busy_segments,
       pg_size_pretty((select sum(g.bytes) from ${s}.segment_stats g)) as size`,
];
