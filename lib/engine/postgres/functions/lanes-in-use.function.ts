import { PINNED_PLAN, type SchemaNames } from '../schema-names.js';

/**
 * The lanes of a queue that hold entries, in the order in which a claim serves them: by priority, a front lane before
 * its lane, a name's lane on the odd turns before the ordinary one and on the even turns after it, so that neither
 * starves. Special lanes of names that are not in `names` are left out (null: every name is handled).
 * A skip scan over (queue_id, lane, …): one descent for each lane, however many entries it holds.
 */
export const lanesInUse = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.lanes_in_use(_queue_id int, _names text[], _turn bigint) returns int[]
language sql stable ${PINNED_PLAN} as $fn$
with recursive used(lane) as (
  (select e.lane from ${s}.entry e where e.queue_id = _queue_id order by e.lane limit 1)
  union all
  select (select e.lane from ${s}.entry e where e.queue_id = _queue_id and e.lane > u.lane order by e.lane limit 1)
    from used u where u.lane is not null
)
select coalesce(array_agg(u.lane order by
    coalesce(special.priority, ${s}.home_lane(u.lane)),
    case when special.lane is null then 0 when _turn % 2 = 1 then -1 else 1 end,
    ${s}.home_lane(u.lane),
    u.lane), '{}')
  from used u
  left join ${s}.lane special on special.queue_id = _queue_id and special.lane = ${s}.home_lane(u.lane)
 where u.lane is not null
   and (special.lane is null or _names is null or special.name = any(_names))
$fn$`;
