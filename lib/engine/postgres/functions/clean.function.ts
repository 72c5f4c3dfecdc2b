import type { SchemaNames } from '../schema-names.js';

/** Removes jobs that have completed or died longer ago than so many ms, the oldest first; returns their ids. Off the hot path: rows are deleted. */
export const clean = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.clean(_queue_id int, _state text, _older_than float8, _limit bigint) returns text[]
language plpgsql set enable_seqscan = off as $fn$
declare
  _before timestamptz := clock_timestamp() - _older_than * interval '1 millisecond';
  _ids bigint[]; _gone text[] := '{}'; _id bigint; _job jsonb;
begin
  perform pg_advisory_xact_lock_shared(${s}.lock_key('guard'));
  if _state = 'failed' then
    _ids := array(select d.job_id from ${s}.dead d where d.queue_id = _queue_id and d.died_at <= _before order by d.died_at, d.job_id limit _limit);
  else
    _ids := array(select r.job_id from ${s}.result r where r.queue_id = _queue_id and r.state = 'c' and r.finished_at <= _before
      order by r.job_id limit _limit);
  end if;
  foreach _id in array _ids loop
    _job := ${s}.job_record(_queue_id, _id);
    if _job->>'state' in ('completed', 'failed') and ${s}.remove_job(_queue_id, _id) then
      _gone := _gone || coalesce(_job #>> '{options,jobId}', _id::text);
    end if;
  end loop;
  return _gone;
end
$fn$`;
