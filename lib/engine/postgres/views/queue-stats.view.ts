import type { SchemaNames } from '../schema-names.js';

/** Waiting jobs, from the front, that are looked at for names without a handler. */
const LOOKED_AT = 10_000;

/**
 * Per queue: how many jobs are in which state (large numbers are estimates, and listed in `estimated`), since when the
 * oldest one waits, and by name those that no live process has a handler for, among the first ten thousand that wait.
 */
export const queueStats = ({ schema: s }: SchemaNames): string[] => [
  `create or replace function ${s}.unhandled_jobs(_queue_id int) returns jsonb
language plpgsql as $fn$
declare
  _name text; _names text[]; _all boolean;
begin
  select q.name into _name from ${s}.queue q where q.queue_id = _queue_id;
  -- null: a process that takes every name
  select coalesce(bool_or(w.handles->_name = 'null'), false),
         array_agg(n) filter (where n is not null) into _all, _names
    from ${s}.worker w
    left join lateral jsonb_array_elements_text(case when jsonb_typeof(w.handles->_name) = 'array' then w.handles->_name end) n on true
   where w.handles ? _name and not w.dead;
  if _all then
    return '{}';
  end if;
  return coalesce((select jsonb_object_agg(u.name, u.jobs) from (
    select e.name, count(*) as jobs from ${s}.waiting_jobs(_queue_id, ${LOOKED_AT}) w
     cross join lateral (select x.name from ${s}.entry x where x.queue_id = _queue_id and x.job_id = w.job_id order by x.run desc limit 1) e
     where _names is null or e.name <> all(_names) group by 1) u), '{}');
end
$fn$`,
  `create or replace function ${s}.oldest_waiting(_queue_id int) returns timestamptz
language sql stable set enable_seqscan = off as $fn$
select min(x.created_at) from unnest(${s}.lanes_in_use(_queue_id, null, 0)) l (lane)
 cross join lateral (select w.job_id from ${s}.waiting_in(_queue_id, array[l.lane], 1) w) w
 cross join lateral (select e.created_at from ${s}.entry e where e.queue_id = _queue_id and e.job_id = w.job_id order by e.run desc limit 1) x
$fn$`,
  `drop view if exists ${s}.queue_stats`,
  `create view ${s}.queue_stats as
select q.name as queue, q.paused, w.jobs as waiting, d.jobs as delayed, a.jobs as active, f.jobs as dead, c.jobs as completed,
       array_remove(array[case when w.estimated then 'waiting' end, case when d.estimated then 'delayed' end,
         case when a.estimated then 'active' end, case when c.estimated then 'completed' end,
         case when f.estimated then 'dead' end], null) as estimated,
       ${s}.oldest_waiting(q.queue_id) as oldest_waiting, ${s}.unhandled_jobs(q.queue_id) as unhandled
  from ${s}.queue q
 cross join lateral ${s}.count_jobs(q.queue_id, 'waiting') w
 cross join lateral ${s}.count_jobs(q.queue_id, 'delayed') d
 cross join lateral ${s}.count_jobs(q.queue_id, 'active') a
 cross join lateral ${s}.count_jobs(q.queue_id, 'completed') c
 cross join lateral ${s}.count_jobs(q.queue_id, 'failed') f
 where q.kind = 'q'`,
];
