import type { SchemaNames } from '../schema-names.js';

/** How many jobs of a queue each of its processors runs at once in each process; null: what the processors say themselves. */
export const setConcurrency = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.set_concurrency(_queue_id int, _concurrency int) returns void
language sql as $fn$
update ${s}.queue q
   set settings = case when _concurrency is null then q.settings - 'concurrency' else jsonb_set(q.settings, '{concurrency}', to_jsonb(_concurrency)) end
 where q.queue_id = _queue_id and (q.settings->>'concurrency')::int is distinct from _concurrency
$fn$`;

/** Of some queues, those for which it was said. */
export const queueLimits = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.queue_limits(_queue_ids int[]) returns table (queue_id int, concurrency int)
language sql stable as $fn$
select q.queue_id, (q.settings->>'concurrency')::int from ${s}.queue q where q.queue_id = any(_queue_ids) and q.settings ? 'concurrency'
$fn$`;
