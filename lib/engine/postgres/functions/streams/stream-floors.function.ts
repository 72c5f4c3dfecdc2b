import type { SchemaNames } from '../../schema-names.js';
import { holdOf, LANES_OF } from './slots.js';
import { unended } from '../unended.js';

/** Where each group stands that has something to read: the cursor before its oldest open batch, or its newest. What is behind it is done. */
export const streamFloors = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.stream_floors() returns table (stream_id int, group_id int, s0 pg_snapshot, s1 pg_snapshot, pos_txid xid8, pos_id bigint)
language sql stable set enable_seqscan = off as $fn$
select q.stream_id, q.queue_id,
       case when o.n is null then c.s0 else o.from_s0 end, case when o.n is null then c.s1 else o.from_s1 end,
       case when o.n is null then c.pos_txid else o.from_txid end, case when o.n is null then c.pos_job else o.from_job end
  from ${s}.queue q
 cross join lateral (
    select c.* from ${LANES_OF(holdOf('q.settings'))} k (lane)
     cross join lateral (select l.* from ${s}.lease l where l.queue_id = q.queue_id and l.lane = k.lane order by l.n desc limit 1) c) c
  left join lateral (
    select l.* from ${s}.lease l
     where l.queue_id = q.queue_id and l.lane = c.lane and l.from_s1 is not null
       and (select ${unended(s)} from (select l.job_ids[1] as job_id, 1 as run) j)
     order by l.n limit 1) o on true
 where q.kind = 'g'
$fn$`;

/** How long a stream keeps its events at least: a day, unless it says otherwise. */
export const KEPT_FOR = (settings: string): string =>
  `coalesce((${settings} #>> '{retention}')::float8, 86400000) * interval '1 millisecond'`;

/** How long a closed segment of events need not be looked at: until the stream that keeps them shortest lets its last ones go. */
export const shortestKept = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.shortest_kept() returns interval
language sql stable
return (select coalesce(min(${KEPT_FOR('q.settings')}), interval '0') from ${s}.queue q where q.kind = 's')`;
