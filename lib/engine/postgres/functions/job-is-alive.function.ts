import type { SchemaNames } from '../schema-names.js';
import { DELAYED_LANE } from './delayed-lane.js';

/**
 * Whether a job waits, is delayed or runs: its newest run has no result yet and was not discarded. Rides
 * (queue_id, job_id) and the results' key.
 */
export const jobIsAlive = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.job_is_alive(_queue_id int, _job_id bigint) returns boolean
language plpgsql stable set enable_seqscan = off set plan_cache_mode = force_generic_plan as $fn$
declare
  _e record;
begin
  select * into _e from ${s}.newest_run(_queue_id, _job_id);
  return found
    and not exists (select from ${s}.result r where r.queue_id = _queue_id and r.job_id = _job_id and r.run = _e.run)
    and not ${s}.discarded(_queue_id, case when _e.delayed then ${DELAYED_LANE} else _e.lane end, _e.txid, _job_id);
end
$fn$`;

/** A job's newest run, where it stands: in a lane, or delayed and not promoted. Rides (queue_id, job_id). */
export const newestRun = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.newest_run(_queue_id int, _job_id bigint, out run int, out lane int, out txid xid8, out delayed boolean)
returns setof record language plpgsql stable set enable_seqscan = off set plan_cache_mode = force_generic_plan as $fn$
#variable_conflict use_column
begin
  return query
    select x.run, x.lane, x.txid, x.delayed from (
      select e.run, e.lane, e.txid, false as delayed from ${s}.entry e where e.queue_id = _queue_id and e.job_id = _job_id
      union all
      select d.run, d.lane, d.txid, true from ${s}.delayed d where d.queue_id = _queue_id and d.job_id = _job_id
    ) x order by x.run desc, x.delayed limit 1;
end
$fn$`;
