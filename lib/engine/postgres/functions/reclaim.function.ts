import { placeholderInsert, RINGS } from '../rings.js';
import { LET_GO, SEGMENTS, type SchemaNames } from '../schema-names.js';
import { SURVIVORS } from './survivors.js';

const quoted = (text: string): string => text.replaceAll("'", "''");
const byRing = (value: (ring: string) => string): string =>
  `case _ring ${RINGS.map(({ name }) => `when '${name}' then '${quoted(value(name))}'`).join('\n    ')} end`;

/** By ring, as templates of format(). */
const PLACEHOLDERS = `case _ring ${RINGS.map((ring) => `when '${ring.name}' then '${quoted(placeholderInsert('%1$s', ring))}'`).join('\n    ')} end`;

/** How often it asks for the locks once the survivors are copied: giving up leaves many copies as dead rows. */
const TRIES = { few: 8, many: 40 };
/**
 * Whoever takes a key holds its ring to his commit, and one such follows the other: a try as short as those of the other
 * rings would never succeed. Claims do not look at keys; who takes any key waits so long at most, and not at all behind a
 * transaction that has been open for longer: ms.
 */
const KEYS_WITHIN = 1_000;
/** So many copies are many. */
const MANY = 10_000;

/**
 * Empties a segment that takes no new rows: copies what is still needed, with its place in the order, and truncates.
 *
 * - The segment is locked against writers before the survivors are computed: a producer who resolved it while it was
 *   current may insert into it until then (trap 5). Readers go on; whatever takes long happens before they are kept out.
 * - TRUNCATE is not MVCC-safe (trap 4): it happens under the reclaim guard alone, which claims, promotions, finishes and
 *   whoever looks at jobs take shared before their snapshots. No claim waits for it more than 50 ms: locks that are not
 *   had at once are asked for later. Who changes rows of the segment waits while it is copied, before he takes any lock.
 * - A group that was made meanwhile may want what no other does: then all of this was in vain.
 * - Results go after all leases that name their segment, or a late finish could end a run a second time.
 * - Few survivors go to the current segment. Many go, once, to the other one that is not current, an old generation that
 *   is reclaimed by the same rule; when there is none yet, or this one is older, and more than half survive, it stays and is it.
 *
 * Returns 'reclaimed'; or why not: 'elsewhere' (another process is at it), 'current', 'busy' (locked; look again soon),
 * 'leased', 'kept' (most is still needed). `few`: so many survivors are few.
 */
export const reclaim = ({ schema: s, inLiteral, inFormat }: SchemaNames): string => `
create or replace function ${s}.reclaim(_ring text, _segment int, _few bigint) returns text
language plpgsql set plan_cache_mode = force_custom_plan set jit = off as $fn$
declare
  _table text := format('${inFormat}.%I', _ring || '_' || _segment);
  _survivors text := format(${byRing((ring) => SURVIVORS[ring]!(s.replaceAll('%', '%%')))}, _table);
  _current smallint; _other smallint; _target smallint;
  _of_keys boolean := _ring = any('{${RINGS.filter(({ drains }) => drains)
    .map(({ name }) => name)
    .join(',')}}');
  _kept bigint; _rows bigint := 0; _stays boolean; _done boolean := false; _newest_group int;
begin
  if not pg_try_advisory_xact_lock(${s}.lock_key('upkeep')) then
    return 'elsewhere';
  end if;
  if not has_table_privilege(_table, 'truncate') then
    raise exception 'the role % may not truncate %', current_user, _table using errcode = 'insufficient_privilege',
      hint = 'grant TRUNCATE on the schema''s tables, or let processes of another role do the maintenance';
  end if;
  perform set_config('statement_timeout', '0', true), set_config('work_mem', '64MB', true), set_config('lock_timeout', case when _of_keys then '${KEYS_WITHIN}' else '30' end, true);
  select r.current into _current from ${s}.ring r where r.ring = _ring;
  if _current = _segment or exists (select from ${s}.ring r where r.ring = _ring and r.draining = _segment) then
    return 'current';
  end if;
  if _of_keys and exists (
    select from pg_locks l join pg_stat_activity a using (pid)
     where l.relation = _table::regclass and l.granted and l.pid <> pg_backend_pid()
       and a.xact_start < clock_timestamp() - interval '${KEYS_WITHIN} ms') then
    -- it would be waited for in vain, and by all who take keys
    return 'busy';
  end if;
  begin
    -- asked for and let go again: whoever holds it for long would have all be copied in vain
    begin
      execute 'lock table ' || _table || ' in access exclusive mode';
      raise exception 'let go' using errcode = '${LET_GO}';
    exception when sqlstate '${LET_GO}' then null;
    end;
    execute 'lock table ' || _table || ' in share mode';
  exception when lock_not_available then
    return 'busy';
  end;
  if _ring = 'result' and exists (select from ${s}.lease l where l.queue_id > 0 and l.result_seg = _segment) then
    return 'leased';
  end if;

  select max(q.queue_id) into _newest_group from ${s}.queue q where q.kind = 'g';
  execute 'select count(*) from (' || _survivors || format(' limit %s) x', _few + 1) into _kept;
  if _kept <= _few then
    _target := _current;
  else
    select i into _other from generate_series(0, ${SEGMENTS.length - 1}) i where i <> _current and i <> _segment;
    _target := _other;
    -- the older of two takes what is left of the younger, or a backlog would be copied at each turn
    _stays := not ${s}.segment_is_used(_ring, _other) or coalesce((select mine.closed_at < others.closed_at
      from ${s}.segment mine, ${s}.segment others
     where mine.ring = _ring and mine.segment = _segment and others.ring = _ring and others.segment = _other), false);
    if _stays then
      execute 'select count(*) from (' || _survivors || ') x' into _kept;
      execute 'select count(*) from ' || _table into _rows;
      if _kept * 2 > _rows then
        return 'kept';
      end if;
    end if;
  end if;
  if _kept > 0 then
    execute format('insert into ${inFormat}.%I %s on conflict do nothing', _ring || '_' || _target, _survivors);
    get diagnostics _kept = row_count;
    if _kept > ${MANY} then
      -- what was written flows to disk meanwhile, not while all others wait for the commit
      perform pg_sleep(0.5);
    end if;
  end if;

  for _try in 1 .. case when _kept > ${MANY} then ${TRIES.many} else ${TRIES.few} end loop
    begin
      if not _of_keys then
        perform set_config('lock_timeout', '25', true);
        perform pg_advisory_xact_lock(${s}.lock_key('guard'));
        perform set_config('lock_timeout', '10', true);
      end if;
      execute 'lock table ' || _table || ' in access exclusive mode';
      _done := true;
    exception when lock_not_available then null;
    end;
    exit when _done;
    perform pg_sleep(0.1 + 0.2 * random());
  end loop;
  if not _done or (_ring = 'event' and (select max(q.queue_id) from ${s}.queue q where q.kind = 'g') > coalesce(_newest_group, 0)) then
    raise exception 'the log is too busy to reclaim %', _table using errcode = 'lock_not_available';
  end if;
  perform setval('${inLiteral}.moved_by', pg_current_xact_id()::text::bigint);
  execute 'truncate ' || _table;
  execute format(${PLACEHOLDERS}, _table);
  update ${s}.segment set closed_at = null, look_at = null where ring = _ring and segment = _segment;
  if _target <> _current and _kept > 0 then
    update ${s}.segment set closed_at = coalesce(closed_at, clock_timestamp()), look_at = coalesce(look_at, clock_timestamp())
     where ring = _ring and segment = _target;
  end if;
  return 'reclaimed';
end
$fn$`;
