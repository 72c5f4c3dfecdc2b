import { currentSegment } from '../../rings.js';
import { perSegment, PINNED_PLAN, type SchemaNames, SqlState } from '../../schema-names.js';
import { CLIENT_WORKER } from '../worker-is-alive.js';
import { CLIENT_BATCH_COLUMNS } from './client-batch.function.js';
import { CLIENT_LANE } from './client-lane.js';
import { holdOf } from './slots.js';

/**
 * A group's open batch; or a new one, which stays open until it is acknowledged: of the group's own runs that wait, or else of
 * what comes next in the stream. No rows when there is nothing.
 *
 * - Transaction and locks as those of claim(), which it calls, or of take_batch(). So of two who ask one makes the batch, and both
 *   get it.
 * - A batch is named by its claim, whose number goes by the clock: one that was lost in a crash never names another.
 * - A group whose order counts has no new one: an event that a client gives back would not hold up those behind it.
 */
export const receiveBatch = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.receive_batch(_group_id int, _limit int, _max_bytes bigint) returns table (${CLIENT_BATCH_COLUMNS})
language plpgsql ${PINNED_PLAN} as $fn$
#variable_conflict use_column
declare
  _h record; _r record; _claim_no bigint; _segment smallint; _result_seg smallint; _stream_lane int; _stream_n bigint;
  _ids bigint[] := '{}'; _runs int[] := '{}'; _lanes int[];
begin
  if current_setting('transaction_isolation') <> 'read committed' or pg_current_xact_id_if_assigned() is not null then
    raise exception 'receive_batch() runs alone in a READ COMMITTED transaction' using errcode = '${SqlState.wrongTransaction}',
      hint = 'call it outside of a transaction block, or in one that has written nothing';
  end if;
  perform set_config('synchronous_commit', 'off', true), pg_advisory_xact_lock_shared(${s}.lock_key('guard')),
    pg_advisory_xact_lock_shared(${s}.lock_key('worker', ${CLIENT_WORKER}::text)),
    pg_advisory_xact_lock(${s}.lock_key('queue', _group_id::text));
  select h.open, h.claim_no, l.n as last_n, ${holdOf('q.settings')} as hold into _h
    from ${s}.queue q left join ${s}.client_head(_group_id) h on true
    left join lateral (select x.n from ${s}.lease x where x.queue_id = _group_id and x.lane = ${CLIENT_LANE} order by x.n desc limit 1) l on true
   where q.queue_id = _group_id and q.kind = 'g';
  if not found then
    raise exception 'group % was removed', _group_id using errcode = '${SqlState.noSuchGroup}', hint = 'subscribe it again';
  end if;
  if _h.open then
    return query select * from ${s}.client_batch(_group_id);
    return;
  end if;
  if _h.hold <> 'nothing' then
    raise exception 'group % holds %', _group_id, _h.hold using errcode = '${SqlState.orderedGroup}', hint = 'receive for a group of its own, which holds nothing';
  end if;
  _claim_no := greatest(coalesce(_h.claim_no, 0) + 1, floor(date_part('epoch', clock_timestamp()) * 1000000)::bigint);
  _lanes := ${s}.lanes_in_use(_group_id, null, _claim_no);
  -- looked at first: a claim that finds nothing may have written all the same, and nothing may have been written before take_batch()
  if exists (select from ${s}.waiting_in(_group_id, _lanes, 1)) then
    for _r in select c.job_ids, c.runs from ${s}.claim(_group_id, ${CLIENT_WORKER}, _claim_no, _limit, _max_bytes, _lanes, null, false, null, true, null) c
       where c.lane is not null loop
      _ids := _ids || _r.job_ids::bigint[]; _runs := _runs || _r.runs::int[];
    end loop;
    if cardinality(_ids) = 0 then
      return;
    end if;
    _ids := nextval('${s.replaceAll("'", "''")}.job_id') || _ids; _runs := 1 || _runs;
  else
    for _r in select * from ${s}.take_batch(_group_id, ${CLIENT_WORKER}, _claim_no, _limit, _max_bytes, false) b where b.n is not null loop
      _stream_lane := _r.lane; _stream_n := _r.n; _ids := array[_r.job_id]; _runs := null;
      claim_no := _claim_no::text; at_s0 := _r.at_s0; at_s1 := _r.at_s1; ids := _r.ids; txids := _r.txids; published := _r.published;
      types := _r.types; keys := _r.keys; headers := _r.headers; payloads := _r.payloads;
      return next;
    end loop;
    if _stream_n is null then
      return;
    end if;
  end if;
  -- the guard is held: they are those that the leases behind this one have
  select ${currentSegment(s, 'lease')}, ${currentSegment(s, 'result')} into _segment, _result_seg;
  ${perSegment(
    '_segment',
    (i) => `
  insert into ${s}.lease_${i} (queue_id, lane, n, worker, claim_no, s1, pos_job, from_job, result_seg, job_ids, runs)
  values (_group_id, ${CLIENT_LANE}, coalesce(_h.last_n, 0) + 1, ${CLIENT_WORKER}, _claim_no, pg_current_snapshot(), _stream_n, _stream_lane, _result_seg, _ids, _runs);`,
  )}
  if _stream_n is null then
    return query select * from ${s}.client_batch(_group_id);
  end if;
end
$fn$`;
