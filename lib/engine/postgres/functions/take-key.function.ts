import { perSegment, readAndLetGo, type SchemaNames } from '../schema-names.js';

/**
 * Gives a key to a job, or says which job holds it. Append-only compare-and-swap: the newest generation decides, one
 * index probe however often the key was used. Of two that insert the same generation the second waits for the first's
 * transaction and then reads again; in REPEATABLE READ it gets PostgreSQL's own 40001.
 *
 * - A ring of keys may be switched at any time. Whoever takes a key holds the (shared) lock of the segment he writes to,
 *   and after a switch writes to the old one too until nobody holds that: so two always meet in one unique index, and
 *   neither a switch nor a producer ever waits.
 * - A snapshot from before a reclaim does not see what that has copied: then it looks again, or fails with 40001 where
 *   its snapshot stays.
 */
const takeKey = (s: string, ring: string, key: string, holds: string): string => `
declare
  _held record; _holds boolean; _locked smallint; _generation int;
begin
  loop
    select r.current, r.draining, k.generation, k.job_id, pg_current_snapshot() as seen into _held
      from ${s}.ring r
      left join lateral (
        select x.generation, x.job_id from ${s}.${ring} x
         where x.queue_id = _queue_id and x.${key} = _key order by x.generation desc limit 1) k on true
     where r.ring = '${ring}';
    _holds := false;
    if _held.job_id is not null then${readAndLetGo(`      _holds := ${holds};`)}
    end if;
    if _locked is distinct from _held.current then
      perform pg_advisory_xact_lock_shared(${s}.lock_key('${ring}', _held.current::text));
      _locked := _held.current;
    end if;
    -- both after the lock: what was read may be older
    if not ${s}.is_settled(_held.seen) then
      continue;
    end if;
    if _holds then
      return _held.job_id;
    end if;
    _generation := coalesce(_held.generation, 0) + 1;
    if _held.draining is not null then
      ${perSegment(
        '_held.draining',
        (i) => `
      insert into ${s}.${ring}_${i} (queue_id, ${key}, generation, job_id)
      values (_queue_id, _key, _generation, _job_id) on conflict do nothing;`,
      )}
      if not found then
        continue;
      end if;
    end if;
    ${perSegment(
      '_held.current',
      (i) => `
    insert into ${s}.${ring}_${i} (queue_id, ${key}, generation, job_id)
    values (_queue_id, _key, _generation, _job_id) on conflict do nothing;`,
    )}
    if found then
      return null;
    end if;
  end loop;
end`;

/** Held while its job waits, is delayed or runs. */
export const takeUniqueKey = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.take_unique_key(_queue_id int, _key text, _job_id bigint) returns bigint
language plpgsql set enable_seqscan = off set plan_cache_mode = force_generic_plan as $fn$${takeKey(
  s,
  'unique_key',
  'key',
  `${s}.job_is_alive(_queue_id, _held.job_id)`,
)}
$fn$`;

/** Held for as long as its job is kept, finished or not. */
export const takeCustomId = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.take_custom_id(_queue_id int, _key text, _job_id bigint) returns bigint
language plpgsql set enable_seqscan = off set plan_cache_mode = force_generic_plan as $fn$${takeKey(
  s,
  'custom_id',
  'id',
  `${s}.job_record(_queue_id, _held.job_id) is not null`,
)}
$fn$`;
