import { perSegment, type SchemaNames, SqlState } from '../schema-names.js';

/**
 * Completes a run in the handler's own transaction: its effects and its completion commit together. Text parameters
 * only, for any driver. Raises when the lease no longer stands or the run has ended otherwise, so that the effects roll
 * back with it; in REPEATABLE READ that may be PostgreSQL's own 40001. Called again for the same run it does nothing.
 */
export const completeIn = ({ schema: s }: SchemaNames): string => `
create function ${s}.complete_in(
  _queue_id int, _worker uuid, _lane int, _n bigint, _job_id bigint, _run int, _ran int, _output text
) returns text language plpgsql set enable_seqscan = off set plan_cache_mode = force_generic_plan as $fn$
declare
  _segment smallint;
  _state "char";
  _ended int := 0;
begin
  select l.result_seg into _segment from ${s}.lease l
   where l.queue_id = _queue_id and l.lane = _lane and l.n = _n and l.worker = _worker and _job_id = any(l.job_ids);
  if found then
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
