import type { SchemaNames } from '../schema-names.js';
import { LOCK_CHANGED } from './run-locks.js';

/**
 * Removes some of the jobs that have completed or died longer ago than so many ms, the oldest first. Off the hot path: rows
 * are deleted. A few at a time: its queue's claims wait meanwhile.
 *
 * Returns their ids, and after which job to go on; null: there are no more.
 */
export const clean = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.clean(
  _queue_id int, _state text, _older_than float8, _limit bigint, _after bigint
) returns jsonb
language plpgsql set enable_seqscan = off as $fn$
declare
  _before timestamptz := clock_timestamp() - _older_than * interval '1 millisecond';
  _ids bigint[]; _gone text[] := '{}'; _id bigint; _job jsonb;
begin${LOCK_CHANGED(s, ['entry', 'delayed', 'result'])}
  perform pg_advisory_xact_lock_shared(${s}.lock_key('guard'));
  if _state = 'failed' then
    _ids := array(select d.job_id from ${s}.dead d where d.queue_id = _queue_id and d.died_at <= _before order by d.died_at, d.job_id limit _limit);
  else
    _ids := array(select r.job_id from ${s}.result r where r.queue_id = _queue_id and r.state = 'c' and r.finished_at <= _before
      and r.job_id > _after order by r.job_id limit _limit);
  end if;
  foreach _id in array _ids loop
    _job := ${s}.job_record(_queue_id, _id);
    if _job->>'state' in ('completed', 'failed') and ${s}.remove_job(_queue_id, _id) then
      _gone := _gone || coalesce(_job #>> '{options,jobId}', _id::text);
    end if;
  end loop;
  -- what cannot be removed, as its entry is gone, is passed over; the dead are gone or retried
  return jsonb_build_object('gone', _gone,
    'next', case when cardinality(_ids) = _limit and (_state = 'completed' or cardinality(_gone) > 0) then _ids[_limit]::text end);
end
$fn$`;
