import { RINGS } from '../rings.js';
import { SEGMENTS, type SchemaNames } from '../schema-names.js';

const SWITCHES_KEPT = 100;

const list = (names: readonly string[]): string => `'{${names.join(',')}}'`;

/**
 * Directs new rows of a ring to an empty segment. Says whether it did; when none is empty the current one grows, which is harmless.
 *
 * - Under the reclaim guard, so that whoever writes to the log with the guard shared is behind or before it. Producers are
 *   not, and may still write to the old segment afterwards: who reclaims it locks it first.
 * - A ring of keys stays draining until nobody holds the lock of the old segment.
 */
export const rotate = ({ schema: s, inLiteral }: SchemaNames): string => `
create or replace function ${s}.rotate(_ring text, _look_after interval) returns boolean
language plpgsql set enable_seqscan = off as $fn$
declare
  _old smallint; _new smallint; _used boolean;
begin
  if not pg_try_advisory_xact_lock(${s}.lock_key('upkeep')) then
    return false;
  end if;
  perform set_config('lock_timeout', '30', true);
  perform pg_advisory_xact_lock(${s}.lock_key('guard'));
  select r.current into _old from ${s}.ring r where r.ring = _ring and r.draining is null;
  if not found then
    return false;
  end if;
  for _i in 1 .. ${SEGMENTS.length - 1} loop
    _new := (_old + _i) % ${SEGMENTS.length};
    _used := ${s}.segment_is_used(_ring, _new);
    exit when not _used;
  end loop;
  if _used is distinct from false or not ${s}.segment_is_used(_ring, _old) then
    return false;
  end if;
  if _ring = any(${list(RINGS.filter(({ drains }) => drains).map(({ name }) => name))}) then
    perform setval('${inLiteral}.moved_by', pg_current_xact_id()::text::bigint);
    perform ${s}.switch_ring(_ring, _new, _old, clock_timestamp());
  else
    perform ${s}.switch_ring(_ring, _new, null, clock_timestamp());
  end if;
  update ${s}.segment set closed_at = clock_timestamp(), look_at = clock_timestamp() + _look_after
   where ring = _ring and segment = _old;
  return true;
end
$fn$`;

/** Ends the draining of a ring of keys, if nobody is left who writes to its old segment only. */
export const settle = ({ schema: s, inLiteral }: SchemaNames): string => `
create or replace function ${s}.settle(_ring text) returns boolean
language plpgsql as $fn$
declare
  _r record;
begin
  if not pg_try_advisory_xact_lock(${s}.lock_key('upkeep')) then
    return false;
  end if;
  select r.* into _r from ${s}.ring r where r.ring = _ring;
  -- nobody new takes this lock, so it is free one day, and nobody queues behind a try
  if _r.draining is null or not pg_try_advisory_xact_lock(${s}.lock_key(_ring, _r.draining::text)) then
    return false;
  end if;
  perform setval('${inLiteral}.moved_by', pg_current_xact_id()::text::bigint);
  perform ${s}.switch_ring(_ring, _r.current, null, _r.switched_at);
  return true;
end
$fn$`;

/** Appends what a ring's segments are from now on. The last hundred are kept, for people. */
export const switchRing = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.switch_ring(_ring text, _current smallint, _draining smallint, _at timestamptz) returns void
language plpgsql set enable_seqscan = off as $fn$
declare
  _n bigint;
begin
  select r.n + 1 into _n from ${s}.ring r where r.ring = _ring;
  insert into ${s}.ring_switch (ring, n, current, draining, switched_at) values (_ring, _n, _current, _draining, _at);
  delete from ${s}.ring_switch w where w.ring = _ring and w.n = _n - ${SWITCHES_KEPT};
end
$fn$`;

/** Whether a segment holds anything but its placeholder. */
export const segmentIsUsed = ({ schema: s, inFormat }: SchemaNames): string => `
create or replace function ${s}.segment_is_used(_ring text, _segment int) returns boolean
language plpgsql set enable_seqscan = off as $fn$
declare
  _used boolean;
begin
  execute format('select exists (select from ${inFormat}.%I where %s)', _ring || '_' || _segment, case _ring
    ${RINGS.map(({ name, isRow }) => `when '${name}' then '${isRow.replaceAll("'", "''")}'`).join('\n    ')} end) into _used;
  return _used;
end
$fn$`;
