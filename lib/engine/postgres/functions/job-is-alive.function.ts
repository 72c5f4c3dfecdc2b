import type { SchemaNames } from '../schema-names.js';

/** Whether a job waits, is delayed or runs: its newest run has no result yet. Rides (queue_id, job_id) and the results' key. */
export const jobIsAlive = ({ schema: s }: SchemaNames): string => `
create function ${s}.job_is_alive(_queue_id int, _job_id bigint) returns boolean
language plpgsql stable set enable_seqscan = off set plan_cache_mode = force_generic_plan as $fn$
declare
  _run int;
begin
  select greatest(
    (select max(e.run) from ${s}.entry e where e.queue_id = _queue_id and e.job_id = _job_id),
    (select max(d.run) from ${s}.delayed d where d.queue_id = _queue_id and d.job_id = _job_id)) into _run;
  return _run is not null and not exists (select from ${s}.result r
    where r.queue_id = _queue_id and r.job_id = _job_id and r.run = _run);
end
$fn$`;
