import { perSegment, type SchemaNames, SqlState } from '../schema-names.js';

/**
 * Completes a run in the handler's own transaction: its effects and its completion commit together. Text parameters
 * only, for any driver. Raises when the lease no longer stands or the run has ended otherwise, so that the effects roll
 * back with it; in REPEATABLE READ that may be PostgreSQL's own 40001. Called again for the same run it does nothing.
 */
export const completeIn = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.complete_in(
  _queue_id int, _worker uuid, _lane int, _n bigint, _job_id bigint, _run int, _ran int, _output text,
  _claim_no bigint default null
) returns text language plpgsql set enable_seqscan = off set plan_cache_mode = force_generic_plan as $fn$
declare
  _lease record;
  _segment smallint;
  _state "char";
  _ended int := 0;
begin
  -- what it locks here it holds to the caller's commit: were its lease let go and reclaimed, so might be the result that ended the run
  loop
    select l.result_seg, pg_current_snapshot() as seen into _lease from (select) one
      left join ${s}.lease l on l.queue_id = _queue_id and l.lane = _lane and l.n = _n and l.worker = _worker
       and (_claim_no is null or l.claim_no = _claim_no) and (l.from_s1 is not null or _job_id = any(l.job_ids));
    -- a snapshot from before a reclaim does not see what that has copied
    exit when _lease.result_seg is not null or ${s}.is_settled(_lease.seen);
  end loop;
  _segment := _lease.result_seg;
  if _segment is not null then
    ${perSegment(
      '_segment',
      (i) => `
    insert into ${s}.result_${i} (queue_id, job_id, run, state, ran_ms, output)
    values (_queue_id, _job_id, _run, 'c', _ran, _output) on conflict do nothing;
    get diagnostics _ended = row_count;`,
    )}
    if _ended = 1 then
      return 'c';
    end if;
    select r.state into _state from ${s}.result r where r.queue_id = _queue_id and r.job_id = _job_id and r.run = _run;
    if _state = 'c' then
      return 'c';
    end if;
  end if;
  raise exception 'job % was taken from this worker: its run % has ended or its lease is gone', _job_id, _run
    using errcode = '${SqlState.leaseLost}', hint = 'roll back: another worker runs this job again';
end
$fn$`;
