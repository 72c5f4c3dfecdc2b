import { perSegment, type SchemaNames, SqlState } from '../schema-names.js';
import { DELAYED_LANE } from './delayed-lane.js';

/**
 * Discards what waits and, if asked, what is delayed, in time that does not depend on how much it is: the cursor of each
 * lane moves to the present, and a mark says what it passed. Returns how many, an estimate beyond some thousands.
 *
 * - A job whose transaction is open at this moment is not discarded.
 * - Locks, snapshot and transaction as claim().
 */
export const drain = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.drain(_queue_id int, _delayed boolean) returns bigint
language plpgsql set enable_seqscan = off as $fn$
declare
  _now pg_snapshot; _segment smallint; _lane int; _c record; _n bigint;
begin
  if current_setting('transaction_isolation') <> 'read committed' or pg_current_xact_id_if_assigned() is not null then
    raise exception 'drain() runs alone in a READ COMMITTED transaction' using errcode = '${SqlState.wrongTransaction}',
      hint = 'call it outside of a transaction block, or in one that has written nothing';
  end if;
  perform pg_advisory_xact_lock_shared(${s}.lock_key('guard'));
  perform pg_advisory_xact_lock(${s}.lock_key('queue', _queue_id::text));
  if _delayed then
    perform pg_advisory_xact_lock(${s}.lock_key('delayed', _queue_id::text));
  end if;
  _n := (select c.jobs from ${s}.count_jobs(_queue_id, 'waiting') c)
    + case when _delayed then (select c.jobs from ${s}.count_jobs(_queue_id, 'delayed') c) else 0 end;
  _now := pg_current_snapshot();
  select r.current into _segment from ${s}.ring r where r.ring = 'lease';
  foreach _lane in array ${s}.lanes_in_use(_queue_id, null, 0) loop
    select l.n, l.s0, l.s1, l.pos_txid, l.pos_job into _c
      from (select) one left join ${s}.lease l on l.queue_id = _queue_id and l.lane = _lane order by l.n desc nulls last limit 1;
    insert into ${s}.drained (queue_id, lane, s1, c_s0, c_s1, c_pos_txid, c_pos_job)
    values (_queue_id, _lane, _now, _c.s0, _c.s1, _c.pos_txid, _c.pos_job);
    ${perSegment(
      '_segment',
      (i) => `
    insert into ${s}.lease_${i} (queue_id, lane, n, s1) values (_queue_id, _lane, coalesce(_c.n, 0) + 1, _now);`,
    )}
  end loop;
  if _delayed then
    insert into ${s}.drained (queue_id, lane, s1) values (_queue_id, ${DELAYED_LANE}, _now);
  end if;
  return _n;
end
$fn$`;
