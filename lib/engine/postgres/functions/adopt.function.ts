import { SEGMENTS, type SchemaNames } from '../schema-names.js';
import { DELAYED_LANE } from './delayed-lane.js';
import { CLIENT_LANE } from './streams/client-lane.js';
import { NO_KEY_LANE } from './streams/slots.js';
import { STREAM_LANE } from '../../worker-engine.interface.js';
import { writtenHere } from './written-here.js';

/** Runs that are behind every cursor after an adoption have this transaction; those that wait come after it. */
const BEHIND = 3;
const FIRST = 10;

/**
 * Makes a log that came from another cluster (a dump, a logical copy) this one's. Transaction ids are a cluster's own: here
 * its counter may be lower, and new jobs would lie behind the cursors. `force`: also when the cluster is the same by its
 * identifier. Says whether it did anything.
 *
 * - Alone: under the guard, with everybody else locked out of the runs.
 * - What waits is stamped anew, in its order, with transactions that are over here; where there are too few of them,
 *   jobs share one and stand in the order of their ids. Leases stand: whose process is gone is recovered as ever.
 * - Streams keep their events, and groups their positions: adopt_streams().
 * - What was drained is forgotten for good, and sequences are set above what is stored: a logical copy has not set them.
 */
export const adopt = ({ schema: s, inLiteral, inFormat }: SchemaNames): string => `
create or replace function ${s}.adopt(_force boolean default false) returns boolean
language plpgsql as $fn$
declare
  _here bigint := (select c.system_identifier from pg_control_system() c);
  _room numeric; _segment smallint;
begin
  if not _force and _here = (select i.system_identifier from ${s}.installation i) then
    return false;
  end if;
  perform set_config('lock_timeout', '0', true), set_config('statement_timeout', '0', true);
  perform pg_advisory_xact_lock(${s}.lock_key('upkeep'));
  loop
    -- whoever changes rows holds them first, and then the guard: together or not at all
    begin
      perform set_config('lock_timeout', '100', true);
      perform pg_advisory_xact_lock(${s}.lock_key('guard'));
      lock table ${SEGMENTS.flatMap((i) => [`${s}.entry_${i}`, `${s}.delayed_${i}`, `${s}.event_${i}`]).join(', ')} in access exclusive mode;
      exit;
    exception when lock_not_available then
      perform pg_sleep(0.1 * random());
    end;
  end loop;
  perform set_config('lock_timeout', '0', true);
  if not _force and _here = (select i.system_identifier from ${s}.installation i) then
    return false;
  end if;
  -- cursors that are in use: older ones stay as they were
  if _force and not exists (
        select from (select distinct l.queue_id, l.lane from ${s}.lease l where l.queue_id > 0 and l.lane <> ${CLIENT_LANE}) k
         cross join lateral (select l.s1 from ${s}.lease l where l.queue_id = k.queue_id and l.lane = k.lane order by l.n desc limit 1) c
         where pg_snapshot_xmax(c.s1) > pg_snapshot_xmax(pg_current_snapshot()))
      and not exists (select from ${s}.entry e where e.queue_id > 0 and e.txid > pg_current_xact_id())
      and not exists (select from ${s}.event e where e.stream_id > 0 and e.txid > pg_current_xact_id()) then
    return false;
  end if;

  create temporary table adopted_run on commit drop as
    select e.queue_id, e.job_id, e.run, e.txid, e.here
      from (${SEGMENTS.map(
        (i) => `select x.queue_id, x.job_id, x.run, x.lane, x.txid, ${writtenHere(`${s}.entry_${i}`, 'x')} as here
              from ${s}.entry_${i} x`,
      ).join(' union all ')}) e
     where e.queue_id > 0
       and not exists (select from ${s}.result r where r.queue_id = e.queue_id and r.job_id = e.job_id and r.run = e.run)
       -- what was added here, before anybody adopted it, may lie behind the cursors that came along
       and (e.here or not ${s}.lane_has_passed(e.queue_id, e.lane, e.txid, e.job_id));
  create temporary table adopted_place on commit drop as
    select w.queue_id, w.job_id, w.run, dense_rank() over (order by w.here, w.txid) as place from adopted_run w;
  create index on adopted_place (queue_id, job_id, run);
  analyze adopted_place;
  _room := pg_snapshot_xmin(pg_current_snapshot())::text::numeric - ${FIRST + 1};
  ${SEGMENTS.map(
    (i) => `
  delete from ${s}.entry_${i} e
   where e.queue_id > 0 and ${s}.discarded(e.queue_id, e.lane, e.txid, e.job_id)
     and not exists (select from ${s}.result r where r.queue_id = e.queue_id and r.job_id = e.job_id and r.run = e.run)
     and not exists (select from adopted_place p where p.queue_id = e.queue_id and p.job_id = e.job_id and p.run = e.run);
  update ${s}.entry_${i} e set txid = '${BEHIND}'
   where e.queue_id > 0 and not exists (select from adopted_place p where p.queue_id = e.queue_id and p.job_id = e.job_id and p.run = e.run);
  update ${s}.entry_${i} e set txid = (${FIRST} + case when m.most <= _room then p.place - 1 else trunc((p.place - 1) * _room / m.most) end)::text::xid8
    from adopted_place p, (select max(x.place) as most from adopted_place x) m
   where p.queue_id = e.queue_id and p.job_id = e.job_id and p.run = e.run;
  delete from ${s}.delayed_${i} d using ${s}.queue q, lateral (select l.s1, l.due_until, l.pos_txid, l.pos_job from ${s}.lease l
      where l.queue_id = q.queue_id and l.lane = ${DELAYED_LANE} order by l.n desc limit 1) c
   where d.queue_id = q.queue_id and not ${writtenHere(`${s}.delayed_${i}`, 'd')} and pg_visible_in_snapshot(d.txid, c.s1) and (d.run_at, d.txid, d.job_id) <= (c.due_until, c.pos_txid, c.pos_job);
  delete from ${s}.delayed_${i} d where d.queue_id > 0 and not ${writtenHere(`${s}.delayed_${i}`, 'd')} and ${s}.discarded(d.queue_id, ${DELAYED_LANE}, d.txid, d.job_id);
  update ${s}.delayed_${i} d set txid = '${BEHIND}' where d.queue_id > 0;`,
  ).join('')}
  select r.current into _segment from ${s}.ring r where r.ring = 'lease';
  execute format('insert into ${inFormat}.%I (queue_id, lane, n, s1, due_until, pos_txid, pos_job)
    select c.queue_id, c.lane, max(c.n) + 1, ''${FIRST}:${FIRST}:'', case c.lane when ${DELAYED_LANE} then ''-infinity''::timestamptz end,
           case c.lane when ${DELAYED_LANE} then ''0''::xid8 end, case c.lane when ${DELAYED_LANE} then 0 end
      from (select l.queue_id, l.lane, l.n from ${inFormat}.lease l
            union all select e.queue_id, e.lane, 0 from ${inFormat}.entry e
            union all select d.queue_id, ${DELAYED_LANE}, 0 from ${inFormat}.delayed d) c
     where c.queue_id > 0 and c.lane not between ${STREAM_LANE} and ${NO_KEY_LANE} and c.lane <> ${CLIENT_LANE} group by 1, 2', 'lease_' || _segment);
  delete from ${s}.drained;
  perform setval('${inLiteral}.moved_by', ${BEHIND});
  perform setval('${inLiteral}.job_id', greatest((select last_value from ${s}.job_id),
    (select max(e.job_id) from ${s}.entry e), (select max(e.job_id) from ${s}.delayed e),
    (select max(e.job_id) from ${s}.dead e), (select max(e.job_id) from ${s}.result e), (select max(e.event_id) from ${s}.event e),
    (select max(j) from ${s}.lease l cross join lateral unnest(l.job_ids) j)));
  perform setval(pg_get_serial_sequence('${inLiteral}.parked_event', 'n'), greatest(1, (select max(p.n) from ${s}.parked_event p)));
  perform ${s}.adopt_streams(${FIRST}, pg_snapshot_xmin(pg_current_snapshot())::text::bigint);
  perform setval('${inLiteral}.pulse_n', greatest((select last_value from ${s}.pulse_n), (select max(p.n) from ${s}.pulse p)));
  perform setval(pg_get_serial_sequence('${inLiteral}.queue', 'queue_id'), greatest(1, (select max(q.queue_id) from ${s}.queue q)));
  update ${s}.installation set system_identifier = _here;
  return true;
end
$fn$`;
