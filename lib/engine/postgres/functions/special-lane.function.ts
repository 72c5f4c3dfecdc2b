import type { SchemaNames } from '../schema-names.js';

/**
 * The special lane of one name and priority, made on first use: of kind 'n' for jobs that a process met and had no handler
 * for (from then on `add()` puts the name's jobs there at once), of kind 'l' for runs that were lost with their process once,
 * of kind 's' for suspects, those that were lost from there. Never called in a producer's transaction.
 */
export const specialLane = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.special_lane(_queue_id int, _kind "char", _name text, _priority smallint) returns int
language plpgsql as $fn$
declare
  _lane int;
begin
  select l.lane into _lane from ${s}.lane l
   where l.queue_id = _queue_id and l.kind = _kind and l.name = _name and l.priority = _priority;
  if found then
    return _lane;
  end if;
  perform pg_advisory_xact_lock(${s}.lock_key('lane', _queue_id::text));
  insert into ${s}.lane (queue_id, lane, kind, name, priority)
  select _queue_id, greatest(255, max(l.lane)) + 1, _kind, _name, _priority from ${s}.lane l where l.queue_id = _queue_id
  on conflict (queue_id, kind, name, priority) do nothing
  returning lane into _lane;
  if not found then
    select l.lane into _lane from ${s}.lane l
     where l.queue_id = _queue_id and l.kind = _kind and l.name = _name and l.priority = _priority;
  end if;
  return _lane;
end
$fn$`;

export const nameLane = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.name_lane(_queue_id int, _name text, _priority smallint) returns int
language sql
return ${s}.special_lane(_queue_id, 'n', _name, _priority)`;
