import { ALL_LANES } from '../functions/streams/stream-floors.function.js';
import { holdOf, LANES_OF, slotOf } from '../functions/streams/slots.js';
import { unended } from '../functions/unended.js';
import type { SchemaNames } from '../schema-names.js';

/** Leases of a lane that are looked at for open batches, from where it is known that all before have ended. */
const LOOKED_AT = 10_000;

/**
 * Per stream and group: how many events it has still to take (`lag`: those behind its position and those that come again; beyond
 * some thousands an estimate), when the oldest it has not taken was published, how many come again, are dead, how many batches it
 * has in hand, and how many events it was too late for. A stream without groups has one row.
 */
export const streamStats = ({ schema: s }: SchemaNames): string[] => [
  `create or replace function ${s}.group_stats(
  _group_id int, out behind bigint, out oldest timestamptz, out retries bigint, out dead bigint, out open_batches bigint
) language plpgsql set enable_seqscan = off as $fn$
begin
  -- not while leases are being moved, which a snapshot from before would miss
  perform pg_advisory_xact_lock_shared(${s}.lock_key('guard'));
  select sum(a.events), min(a.oldest) into behind, oldest
    from ${s}.queue g cross join ${LANES_OF(holdOf('g.settings'))} l (lane)
   cross join lateral (select x.* from ${s}.lease x where x.queue_id = g.queue_id and x.lane = l.lane order by x.n desc limit 1) c
   cross join lateral ${s}.after_cursor(g.stream_id, c.s0, c.s1, c.pos_txid, c.pos_job, ${slotOf('l.lane')}) a
   where g.queue_id = _group_id;
  select sum(c.jobs) into retries from unnest(array['waiting', 'delayed']) t (state) cross join lateral ${s}.count_jobs(_group_id, t.state) c;
  select c.jobs into dead from ${s}.count_jobs(_group_id, 'failed') c;
  select count(*) filter (where ${unended(s)}) into open_batches
    from ${ALL_LANES} k (lane) left join ${s}.stream_lane f on f.group_id = _group_id and f.lane = k.lane
   cross join lateral (select x.queue_id, x.job_ids, x.from_s1 from ${s}.lease x
     where x.queue_id = _group_id and x.lane = k.lane and x.n >= coalesce(f.open_from, 0) order by x.n limit ${LOOKED_AT}) l
   cross join lateral (select l.job_ids[1] as job_id, 1 as run) j
   where l.from_s1 is not null;
  -- of those that clients have in hand, the ones that hold no batch of the stream
  open_batches := open_batches + (select count(*) from ${s}.client_head(_group_id) h where h.open and h.stream_n is null);
end
$fn$`,
  `drop view if exists ${s}.stream_stats`,
  `create view ${s}.stream_stats as
select substr(q.name, 2) as stream, split_part(g.name, chr(31), 2) as consumer_group, g.paused, x.behind + x.retries as lag, x.oldest,
       x.retries, x.dead, x.open_batches, coalesce(d.dropped, case when g.queue_id is not null then 0 end) as dropped
  from ${s}.queue q
  left join ${s}.queue g on g.stream_id = q.queue_id and g.kind = 'g'
  left join ${s}.stream_group d on d.group_id = g.queue_id
  left join lateral ${s}.group_stats(g.queue_id) x on g.queue_id is not null
 where q.kind = 's'`,
];
