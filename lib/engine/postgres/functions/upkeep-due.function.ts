import { SEGMENTS, type SchemaNames } from '../schema-names.js';

/** Which tasks beside the segments' are due how often: ms. */
const EVERY = { dead: 60_000, drained: 600_000, orphans: 60_000, behind: 60_000 };

/**
 * What maintenance has to do now: `rotate` a ring whose current segment is old or large while another is empty, `settle` a
 * ring of keys, `reclaim` a segment, and the tasks that go by time.
 */
export const upkeepDue = ({ schema: s, inFormat }: SchemaNames): string => `
create or replace function ${s}.upkeep_due(_rows bigint, _bytes bigint, _age interval) returns table (task text, ring text, segment int)
language plpgsql as $fn$
#variable_conflict use_column
declare
  _r record; _table regclass;
begin
  for _r in select r.* from ${s}.ring r loop
    if _r.draining is not null then
      return query select 'settle', _r.ring, null::int;
    else
      _table := format('${inFormat}.%I', _r.ring || '_' || _r.current)::regclass;
      if (_r.switched_at < clock_timestamp() - _age or pg_stat_get_live_tuples(_table) >= _rows or pg_relation_size(_table) >= _bytes)
          and ${s}.segment_is_used(_r.ring, _r.current)
          and exists (select from generate_series(0, ${SEGMENTS.length - 1}) i
            where i <> _r.current and not ${s}.segment_is_used(_r.ring, i)) then
        return query select 'rotate', _r.ring, null::int;
      end if;
    end if;
    for _i in 0 .. ${SEGMENTS.length - 1} loop
      if _i <> _r.current and _i is distinct from _r.draining
          and coalesce((select g.look_at <= clock_timestamp() from ${s}.segment g where g.ring = _r.ring and g.segment = _i), true)
          and ${s}.segment_is_used(_r.ring, _i) then
        return query select 'reclaim', _r.ring, _i;
      end if;
    end loop;
  end loop;
  return query select u.task, null::text, null::int from ${s}.upkeep u
    where u.done_at < clock_timestamp() - case u.task ${Object.entries(EVERY)
      .map(([task, ms]) => `when '${task}' then interval '${ms} ms'`)
      .join(' ')} end;
end
$fn$`;

/** Takes a task that goes by time, for this process; false when another has it or has just done it. */
export const takeTask = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.take_task(_task text) returns boolean
language plpgsql as $fn$
begin
  if not pg_try_advisory_xact_lock(${s}.lock_key('upkeep')) then
    return false;
  end if;
  update ${s}.upkeep u set done_at = clock_timestamp() where u.task = _task and u.done_at < clock_timestamp() - interval '5 seconds';
  return found;
end
$fn$`;

/** When a segment is looked at again: after a tenth of the time since it was closed, so that what stays for months costs nothing. */
export const lookLater = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.look_later(_ring text, _segment int, _at_least interval) returns void
language sql as $fn$
insert into ${s}.segment (ring, segment, closed_at, look_at) values (_ring, _segment, clock_timestamp(), clock_timestamp() + _at_least)
on conflict (ring, segment) do update set closed_at = coalesce(${s}.segment.closed_at, clock_timestamp()),
  look_at = clock_timestamp() + greatest(_at_least, (clock_timestamp() - coalesce(${s}.segment.closed_at, clock_timestamp())) * 0.1)
$fn$`;
