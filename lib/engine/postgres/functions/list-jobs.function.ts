import { PINNED_PLAN, type SchemaNames } from '../schema-names.js';

/**
 * The jobs of one state, a page of them as job_record()s. Waiting: in the order of service; delayed: by due time;
 * active and completed: by age of the job; failed: by time of death. Descending reads the same order backwards.
 */
export const listJobs = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.list_jobs(_queue_id int, _state text, _start bigint, _count bigint, _ascending boolean) returns setof text
language plpgsql ${PINNED_PLAN} as $fn$
#variable_conflict use_column
declare
  _ids bigint[];
begin
  perform pg_advisory_xact_lock_shared(${s}.lock_key('guard'));
  if _state in ('waiting', 'delayed') then
    if _state = 'waiting' then
      select array_agg(w.job_id) into _ids from ${s}.waiting_jobs(_queue_id, case when _ascending then _start + _count end) w;
    else
      select array_agg(d.job_id) into _ids from ${s}.delayed_jobs(_queue_id, case when _ascending then _start + _count end) d;
    end if;
    _ids := array(select x.id from unnest(_ids) with ordinality x (id, i)
      order by case when _ascending then x.i else -x.i end offset _start limit _count);
  elsif _state = 'active' then
    _ids := array(select id from unnest((select a.job_ids from ${s}.active_jobs(_queue_id) a)) id
      order by case when _ascending then id else -id end offset _start limit _count);
  elsif _state = 'failed' and _ascending then
    _ids := array(select d.job_id from ${s}.dead d where d.queue_id = _queue_id order by d.died_at, d.job_id offset _start limit _count);
  elsif _state = 'failed' then
    _ids := array(select d.job_id from ${s}.dead d where d.queue_id = _queue_id order by d.died_at desc, d.job_id desc offset _start limit _count);
  elsif _ascending then
    _ids := array(select r.job_id from ${s}.result r where r.queue_id = _queue_id and r.state = 'c'
      order by r.job_id, r.run offset _start limit _count);
  else
    _ids := array(select r.job_id from ${s}.result r where r.queue_id = _queue_id and r.state = 'c'
      order by r.job_id desc, r.run desc offset _start limit _count);
  end if;
  return query select ${s}.job_record(_queue_id, x.id)::text from unnest(_ids) with ordinality x (id, i) order by x.i;
end
$fn$`;
