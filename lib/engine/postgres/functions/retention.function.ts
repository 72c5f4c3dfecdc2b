import type { SchemaNames } from '../schema-names.js';

/** What a queue keeps, and for how long, as its registration says; written when it differs. */
export const setRetention = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.set_retention(_queue_id int, _retention jsonb) returns void
language sql as $fn$
update ${s}.queue q set settings = jsonb_set(q.settings, '{retention}', _retention)
 where q.queue_id = _queue_id and q.settings->'retention' is distinct from _retention
$fn$`;

/** From when, and from which job on, a queue's completed jobs are kept: an hour by default, however many. */
export const keptJobs = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.kept_jobs() returns table (queue_id int, since timestamptz, from_job bigint)
language sql stable as $fn$
select q.queue_id,
       clock_timestamp() - coalesce((q.settings #>> '{retention,completed,age}')::float8, 3600000) * interval '1 millisecond',
       case when q.settings #>> '{retention,completed,count}' is null then 0
         when q.settings #>> '{retention,completed,count}' = '0' then 9223372036854775807
         else coalesce((select r.job_id from ${s}.result r where r.queue_id = q.queue_id and r.state = 'c'
           order by r.job_id desc offset (q.settings #>> '{retention,completed,count}')::bigint - 1 limit 1), 0) end
  from ${s}.queue q
$fn$`;

/**
 * How long a closed segment of completed jobs need not be looked at: until the queue that keeps them shortest lets its last ones go.
 */
export const shortestRetention = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.shortest_retention() returns interval
language sql stable
return (select coalesce(min(case when (q.settings #>> '{retention,completed,count}') is not null then 0
    else coalesce((q.settings #>> '{retention,completed,age}')::float8, 3600000) end), 3600000) * interval '1 millisecond'
  from ${s}.queue q)`;
