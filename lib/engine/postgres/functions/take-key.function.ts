import type { SchemaNames } from '../schema-names.js';

/**
 * Gives a unique key to a job, or says which living job holds it. Append-only compare-and-swap: the newest generation
 * decides, one index probe however often the key was used. Of two that insert the same generation the second waits for
 * the first's transaction and then reads again; in REPEATABLE READ it gets PostgreSQL's own 40001.
 */
export const takeUniqueKey = ({ schema: s }: SchemaNames): string => `
create function ${s}.take_unique_key(_queue_id int, _key text, _job_id bigint) returns bigint
language plpgsql set enable_seqscan = off set plan_cache_mode = force_generic_plan as $fn$
declare
  _held record;
begin
  loop
    select k.generation, k.job_id into _held from ${s}.unique_key k
     where k.queue_id = _queue_id and k.key = _key order by k.generation desc limit 1;
    if found and ${s}.job_is_alive(_queue_id, _held.job_id) then
      return _held.job_id;
    end if;
    insert into ${s}.unique_key (queue_id, key, generation, job_id)
    values (_queue_id, _key, coalesce(_held.generation, 0) + 1, _job_id) on conflict do nothing;
    if found then
      return null;
    end if;
  end loop;
end
$fn$`;

/** The same for a custom id, which is taken for as long as its job is kept, finished or not. */
export const takeCustomId = ({ schema: s }: SchemaNames): string => `
create function ${s}.take_custom_id(_queue_id int, _id text, _job_id bigint) returns bigint
language plpgsql set enable_seqscan = off set plan_cache_mode = force_generic_plan as $fn$
declare
  _held record;
begin
  loop
    select c.generation, c.job_id into _held from ${s}.custom_id c
     where c.queue_id = _queue_id and c.id = _id order by c.generation desc limit 1;
    if found and ${s}.job_record(_queue_id, _held.job_id) is not null then
      return _held.job_id;
    end if;
    insert into ${s}.custom_id (queue_id, id, generation, job_id)
    values (_queue_id, _id, coalesce(_held.generation, 0) + 1, _job_id) on conflict do nothing;
    if found then
      return null;
    end if;
  end loop;
end
$fn$`;
