import { currentSegment } from '../../rings.js';
import { perSegment, PINNED_PLAN, type SchemaNames, SqlState } from '../../schema-names.js';
import { groupName } from './names.js';
import { holdOf, LANES_OF, slotOf } from './slots.js';

/**
 * The group of a stream, made on first use: from the `start` of what is kept, or the `end`: what is committed from now on.
 * Alone in its transaction. `settings` are kept: attempts, how often an event is
 * delivered, and hold, what waits meanwhile.
 */
export const subscribe = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.subscribe(_stream_id int, _group text, _from text, _settings jsonb default '{}', out group_id int, out is_new boolean)
language plpgsql as $fn$
#variable_conflict use_variable
declare
  _now pg_snapshot;
  _stream text := (select substr(q.name, 2) from ${s}.queue q where q.queue_id = _stream_id and q.kind = 's');
begin
  is_new := false;
  -- who reclaims events meanwhile learns of the group before it empties anything
  perform pg_advisory_xact_lock_shared(${s}.lock_key('guard'));
  -- before anything is written: the own transaction does not count as in progress in its own snapshot
  _now := pg_current_snapshot();
  loop
    select q.queue_id into group_id from ${s}.queue q where q.name = ${groupName('_stream', '_group')};
    exit when found;
    perform ${s}.check_stream_name(_group, 'a group''s name');
    insert into ${s}.queue (name, kind, stream_id) values (${groupName('_stream', '_group')}, 'g', _stream_id)
    on conflict (name) do nothing returning queue_id into group_id;
    if found then
      is_new := true;
      perform ${s}.move_cursor(group_id, l.lane, null, case _from when 'start' then '1:1:' else _now end, null, null)
        from ${LANES_OF(holdOf('_settings'))} l (lane);
      update ${s}.queue q set settings = q.settings || _settings where q.queue_id = group_id;
      exit;
    end if;
  end loop;
  if exists (select from ${s}.queue q where q.queue_id = group_id and not q.settings @> _settings) then
    perform ${s}.set_group(group_id, _settings);
  end if;
end
$fn$`;

/**
 * Changes a group's settings. When it begins to hold keys, each slot goes on where the group stands; when it ends that, the group
 * goes on where the slot stands that is behind the others, and what those have passed already comes again; what was parked
 * can run.
 */
export const setGroup = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.set_group(_group_id int, _settings jsonb) returns void
language plpgsql set enable_seqscan = off as $fn$
declare
  _old text; _new text; _c record;
begin
  perform pg_advisory_xact_lock_shared(${s}.lock_key('guard')), pg_advisory_xact_lock(${s}.lock_key('queue', _group_id::text));
  select ${holdOf('q.settings')}, ${holdOf('(q.settings || _settings)')} into _old, _new from ${s}.queue q where q.queue_id = _group_id;
  if _old = 'key' and _new <> 'key' then
    -- nobody would let them go
    perform ${s}.promote_job(_group_id, p.event_id) from (select x.event_id from ${s}.parked_event x where x.group_id = _group_id order by x.n) p;
    delete from ${s}.parked_event p where p.group_id = _group_id;
    delete from ${s}.held_key h where h.group_id = _group_id;
    perform ${s}.advance_idle(_group_id);
  end if;
  update ${s}.queue q set settings = q.settings || _settings where q.queue_id = _group_id;
  if (_old = 'key') = (_new = 'key') then
    return;
  end if;
  select c.* into _c from ${LANES_OF('_old')} l (lane)
   cross join lateral (select x.* from ${s}.lease x where x.queue_id = _group_id and x.lane = l.lane order by x.n desc limit 1) c
   order by coalesce(c.pos_txid, pg_snapshot_xmin(c.s1)), c.pos_job limit 1;
  perform ${s}.move_cursor(_group_id, l.lane, _c.s0, _c.s1, _c.pos_txid, _c.pos_job, _c.due_until) from ${LANES_OF('_new')} l (lane);
end
$fn$`;

/** Removes a group: its position, what it has to repeat and its dead letters. What it holds in the log goes when that is reclaimed. */
export const unsubscribe = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.unsubscribe(_stream_id int, _group text) returns boolean
language plpgsql as $fn$
declare
  _id int;
begin
  delete from ${s}.queue q using ${s}.queue o
   where o.queue_id = _stream_id and o.kind = 's' and q.name = ${groupName('substr(o.name, 2)', '_group')} and q.kind = 'g'
  returning q.queue_id into _id;
  delete from ${s}.dead d where d.queue_id = _id;
  delete from ${s}.lane l where l.queue_id = _id;
  delete from ${s}.held_key h where h.group_id = _id;
  delete from ${s}.parked_event p where p.group_id = _id;
  delete from ${s}.stream_group g where g.group_id = _id;
  delete from ${s}.stream_lane l where l.group_id = _id;
  return _id is not null;
end
$fn$`;

/**
 * Appends a cursor of a group: what it reads next comes after it, and not before `due`. Whoever moves one that is there holds
 * the group's lock.
 */
export const moveCursor = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.move_cursor(
  _group_id int, _lane int, _s0 pg_snapshot, _s1 pg_snapshot, _pos_txid xid8, _pos_id bigint,
  _due timestamptz default null, _tries jsonb default null
) returns void
language plpgsql set enable_seqscan = off as $fn$
declare
  _segment smallint := ${currentSegment(s, 'lease')};
  _n bigint := coalesce((select l.n from ${s}.lease l where l.queue_id = _group_id and l.lane = _lane order by l.n desc limit 1), 0);
begin
  ${perSegment(
    '_segment',
    (i) => `
  insert into ${s}.lease_${i} (queue_id, lane, n, s0, s1, pos_txid, pos_job, due_until, tries)
  values (_group_id, _lane, _n + 1, _s0, _s1, _pos_txid, _pos_id, _due, _tries);`,
  )}
end
$fn$`;

/** Groups of a stream by name; null names one that is gone. */
export const groupId = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.group_id(_stream_id int, _group text) returns int
language plpgsql stable as $fn$
declare
  _id int;
begin
  select q.queue_id into _id from ${s}.queue o join ${s}.queue q on q.name = ${groupName('substr(o.name, 2)', '_group')}
   where o.queue_id = _stream_id;
  if not found then
    raise exception 'stream % has no group %', coalesce((select substr(q.name, 2) from ${s}.queue q where q.queue_id = _stream_id), _stream_id::text), _group
      using errcode = '${SqlState.noSuchGroup}', hint = 'subscribe it first';
  end if;
  return _id;
end
$fn$`;

/**
 * Moves those lanes of a group to the present that have nothing to take and nothing to wait for: a slot whose keys have no events
 * would stand where the group began, and all that came since would be kept for it. Under the group's lock.
 */
export const advanceIdle = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.advance_idle(_group_id int) returns void
language plpgsql ${PINNED_PLAN} as $fn$
declare
  _now pg_snapshot := pg_current_snapshot();
  _stream_id int := (select q.stream_id from ${s}.queue q where q.queue_id = _group_id);
  _c record;
begin
  for _c in
    select c.* from ${s}.queue q cross join lateral ${LANES_OF(holdOf('q.settings'))} l (lane)
     cross join lateral (select x.* from ${s}.lease x where x.queue_id = _group_id and x.lane = l.lane order by x.n desc limit 1) c
     where q.queue_id = _group_id and c.pos_txid is null and c.due_until is null and c.tries is null
       and pg_snapshot_xmax(c.s1) < pg_snapshot_xmax(_now)
       and (c.job_ids is null or exists (select from ${s}.result r where r.queue_id = _group_id and r.job_id = c.job_ids[1] and r.run = 1))
  loop
    if not exists (select from ${s}.read_events(_stream_id, null, _c.s1, null, null, _now, 1, 1, _slot => ${slotOf('_c.lane')}) e where e.taken > 0) then
      perform ${s}.move_cursor(_group_id, _c.lane, null, _now, null, null);
    end if;
  end loop;
end
$fn$`;
