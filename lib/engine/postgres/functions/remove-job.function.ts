import { SEGMENTS, type SchemaNames } from '../schema-names.js';
import { LOCK_RUNS, REFUSE_OLD_SNAPSHOT } from './run-locks.js';

/**
 * Removes a job that is not active; says whether it is gone. A waiting or delayed run gets a result that claims and
 * promotions pass over; under the queue's locks, so that neither takes it meanwhile. What is finished is an operator's
 * clean-up, off the hot path: its rows are deleted, but for its results, without which its leases would look open.
 */
export const removeJob = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.remove_job(_queue_id int, _job_id bigint) returns boolean
language plpgsql set enable_seqscan = off as $fn$
declare
  _state text;
  _run int;
begin${REFUSE_OLD_SNAPSHOT('remove_job')}${LOCK_RUNS(s, 'entry', 'delayed', 'result')}
  _state := ${s}.job_record(_queue_id, _job_id)->>'state';
  if _state is null or _state = 'active' then
    return false;
  end if;
  if _state in ('waiting', 'delayed') then
    select n.run into _run from ${s}.newest_run(_queue_id, _job_id) n;
    perform ${s}.revoke(_queue_id, _job_id, _run, 'd');
  else
    delete from ${s}.dead d where d.queue_id = _queue_id and d.job_id = _job_id;
    ${SEGMENTS.flatMap((i) => [
      `delete from ${s}.entry_${i} e where e.queue_id = _queue_id and e.job_id = _job_id;`,
      `delete from ${s}.delayed_${i} e where e.queue_id = _queue_id and e.job_id = _job_id;`,
      `update ${s}.result_${i} e set state = 'd', output = null where e.queue_id = _queue_id and e.job_id = _job_id;`,
    ]).join('\n    ')}
  end if;
  return true;
end
$fn$`;
