import { currentSegment } from '../rings.js';
import { perSegment, PINNED_PLAN, type SchemaNames, SqlState } from '../schema-names.js';
import { cutStretch, moveStrangers, takeStretch, wanted } from './claim-stretch.js';
import { KEEP_MEMORY } from './keep-memory.js';
import { workerIsAlive } from './worker-is-alive.js';

/** Moves of jobs nobody here handles, at most, in one claim: a rolling deploy must not move a backlog of a million. */
const MAX_MOVES = 100;
/** A run is handed out whatever its size, when it is the first. */
const MOST_BYTES = 2 ** 30;
/** In-progress transactions in a cursor's snapshot beyond which an idle claim saves its window: each costs a probe. */
const MANY_RUNNING = 8;

/**
 * Hands out up to `want` runs to a worker: appends one lease for each lane it takes from, which is the lane's cursor.
 *
 * - Alone in its transaction, READ COMMITTED. Locks first, in a statement that reads nothing: the reclaim guard (shared),
 *   the worker's (shared), the queue's (exclusive), in this order.
 * - One snapshot for all lanes, taken after the locks and before the first write (trap 1: a transaction's own id never
 *   counts as in progress in its own snapshot, so what it appended before would fall behind the cursor).
 * - Lanes are read from their cursor on, over every segment of the ring (trap 3), by (queue_id, lane, txid, job_id).
 * - A run that ended while it waited is passed over; one whose name is not in `names` is moved to its name's lane.
 * - Nothing is written when nothing was found, unless finding that out was expensive.
 * - Refuses a cursor from the future: the log came here from another cluster, and what is added would lie behind it.
 * - `again`: the answer to claim `claim_no` was lost; if it was made, the same leases are returned.
 *
 * `suspect`: whether it may take a suspect (a run that was lost with its process twice); one at most, never beside another.
 *
 * `places`: how many are free, by name; '' is every other name. A run that was lost once is taken only if there is one for
 * it beside all that this claim took before: what merely waits beside a job that kills its process would be lost again.
 * Null: such runs are like the rest.
 *
 * `names`: those this process handles; null: all. `full`: those it has no room for now; their jobs are moved like
 * strangers', so that they do not stand before others' that can run. `lanes`: those to look at, in this order; null finds
 * the ones in use.
 *
 * Returns the leases, in rows of one stretch each, and a last row without a lane that says when, in which
 * snapshot, and whether more may be waiting.
 */
export const claim = ({ schema: s, channel }: SchemaNames): string => `
create or replace function ${s}.claim(
  _queue_id int, _worker uuid, _claim_no bigint, _want int, _max_bytes bigint, _lanes int[], _names text[], _again boolean,
  _full text[] default null, _suspect boolean default false, _places jsonb default null
) returns table (
  lane int, n bigint, result_seg smallint, job_ids text, runs text, attempts text, max_attempts text, created text,
  names text, options text, meta text, payloads text, status text
) language plpgsql ${PINNED_PLAN} as $fn$
#variable_conflict use_column
declare
  _now pg_snapshot;
  _entry_seg smallint; _result_seg smallint; _lease_seg smallint;
  _alive boolean; _paused boolean; _revocations boolean; _picky boolean;
  _lane int; _c record; _w record; _m record;
  _cut record;
  _taken int; _taken_ids bigint[]; _taken_runs int[]; _last_txid xid8; _size bigint; _misfits int;
  _older pg_snapshot; _newer pg_snapshot; _is_last boolean; _pos_txid xid8; _pos_job bigint;
  _lo_txids xid8[]; _lo_jobs bigint[]; _ends xid8[]; _stragglers int; _rest xid8[];
  _lo_txid xid8; _lo_job bigint; _end xid8; _most int; _share bigint;
  _left int := _want; _bytes_left bigint := _max_bytes; _moves_left int := ${MAX_MOVES};
  _ids bigint[]; _runs int[]; _passed boolean; _exhausted boolean; _is_cut boolean;
  _open int[] := '{}'; _moved_to int[] := '{}'; _parked int[] := '{}'; _suspects int[] := '{}'; _at timestamptz;
  _lost int[] := '{}'; _lost_names text[]; _waiting text[] := '{}'; _withheld int;
begin
  ${KEEP_MEMORY}
  if current_setting('transaction_isolation') <> 'read committed' or pg_current_xact_id_if_assigned() is not null then
    raise exception 'claim() runs alone in a READ COMMITTED transaction' using errcode = '${SqlState.wrongTransaction}',
      hint = 'call it outside of a transaction block, or in one that has written nothing';
  end if;
  -- a lease that is lost in a crash only means that its jobs are handed out again
  perform set_config('synchronous_commit', 'off', true), pg_advisory_xact_lock_shared(${s}.lock_key('guard')),
    pg_advisory_xact_lock_shared(${s}.lock_key('worker', _worker::text)), pg_advisory_xact_lock(${s}.lock_key('queue', _queue_id::text));
  -- at once, for each statement is set up anew in each transaction
  select pg_current_snapshot(), clock_timestamp(),
         ${workerIsAlive(s)},
         exists (select from ${s}.queue q where q.queue_id = _queue_id and q.paused),
         exists (select from ${s}.result r where r.queue_id = _queue_id and r.revoked),
         ${currentSegment(s, 'entry')}, ${currentSegment(s, 'result')}, ${currentSegment(s, 'lease')}
    into _now, _at, _alive, _paused, _revocations, _entry_seg, _result_seg, _lease_seg;
  if not _alive then
    raise exception 'worker % was declared dead', _worker using errcode = '${SqlState.workerDead}',
      hint = 'start again with a new id';
  end if;

  if _again then
    return query select * from ${s}.claimed(_queue_id, _worker, _claim_no);
    if found then
      status := ${s}.claim_status(_queue_id, _at, _now, _lanes, '{}', '{}', '{}');
      return next;
      return;
    end if;
  end if;

  if _paused then
    _lanes := '{}';
  end if;
  if _lanes is null then
    _lanes := ${s}.lanes_in_use(_queue_id, _names, _claim_no);
  end if;
  -- special ones, or their front lanes
  if 255 < any(_lanes) or -256 > any(_lanes) then
    -- a name's lane is only for those who handle the name, and now: here its jobs would be strangers without end;
    -- a suspect is only for a process that has none, and a place for it
    select coalesce(array_agg(l.lane order by l.i) filter (where x.mine and (_suspect or not x.suspect)), '{}'),
           coalesce(array_agg(l.lane order by l.i) filter (where x.full), '{}'),
           coalesce(array_agg(l.lane order by l.i) filter (where x.suspect and x.mine), '{}'),
           coalesce(array_agg(l.lane order by l.i) filter (where special.kind = 'l' and x.mine and _places is not null), '{}'),
           array_agg(special.name order by l.i) filter (where special.kind = 'l' and x.mine and _places is not null)
      into _lanes, _parked, _suspects, _lost, _lost_names
      from unnest(_lanes) with ordinality l (lane, i)
      left join ${s}.lane special on special.queue_id = _queue_id and special.lane = ${s}.home_lane(l.lane)
     cross join lateral (select coalesce(special.name = any(_full), false) as full, coalesce(special.kind = 's', false) as suspect) f
     cross join lateral (select f.full, f.suspect,
       special.lane is null or (not f.full and (_names is null or special.name = any(_names))) as mine) x;
  end if;

  foreach _lane in array _lanes loop
    if _left <= 0 or _bytes_left <= 0 or _moves_left <= 0 then
      _open := _open || _lane;
      continue;
    end if;
    select l.n, l.s0, l.s1, l.pos_txid, l.pos_job into _c
      from ${s}.lease l where l.queue_id = _queue_id and l.lane = _lane order by l.n desc limit 1;
    if not found then
      _c.n := 0; _older := '1:1:'; _newer := _now; _is_last := true; _pos_txid := null; _pos_job := null;
    elsif _c.pos_txid is null then
      _older := _c.s1; _newer := _now; _is_last := true; _pos_txid := null; _pos_job := null;
    else
      _older := _c.s0; _newer := _c.s1; _is_last := false; _pos_txid := _c.pos_txid; _pos_job := _c.pos_job;
    end if;
    if pg_snapshot_xmax(_newer) > pg_snapshot_xmax(_now) then
      raise exception 'the log was written by another cluster: its transactions are ahead of this one''s'
        using errcode = '${SqlState.foreignCluster}', hint = 'select adopt() re-stamps it; every worker process does so at its start';
    end if;
    _ids := '{}'; _runs := '{}'; _passed := false;
    _withheld := 0;
    if _lane = any(_suspects) then
      if not _suspect then
        continue;
      end if;
      _withheld := _left - 1;
    elsif _lane = any(_lost) then
      -- the places of its name, less what this claim has taken
      _withheld := greatest(0, _want - coalesce(_places->>_lost_names[array_position(_lost, _lane)], _places->>'')::int);
      if _left <= _withheld then
        _open := _open || _lane;
        continue;
      end if;
    end if;
    _left := _left - _withheld;

    <<windows>>
    loop
      _exhausted := true;
      if _is_last and pg_snapshot_xmin(_older) = pg_snapshot_xmax(_older) and pg_snapshot_xmin(_newer) = pg_snapshot_xmax(_newer) then
        -- nothing was in progress in either: one stretch, of which the function would say the same for more
        _lo_txids := array[pg_snapshot_xmax(_older)]; _lo_jobs := '{-1}'; _ends := array[pg_snapshot_xmax(_newer)];
        _stragglers := 0; _rest := '{}';
      else
        _w := ${s}.window_intervals(_older, _newer, _pos_txid, _pos_job);
        _lo_txids := _w.lo_txids; _lo_jobs := _w.lo_jobs; _ends := _w.ends; _stragglers := _w.stragglers; _rest := _w.rest;
      end if;
      for _i in 1 .. cardinality(_lo_txids) loop
        _lo_txid := _lo_txids[_i]; _lo_job := _lo_jobs[_i]; _end := _ends[_i];
        continue when _lo_txid >= _end;
        loop
          _picky := _revocations; _is_cut := false; _share := _bytes_left / _left; _most := _left;
          if not _picky then${takeStretch(s)};
            _picky := _misfits > 0;
            if not _picky and _taken > 0 then
              _pos_txid := _last_txid; _pos_job := _taken_ids[_taken];
              _is_cut := _taken >= _most or _size >= _bytes_left;
            end if;
          end if;
          if _picky then${cutStretch(s)};
            if _cut.count > 0 then
              _passed := true;
              _pos_txid := _cut.txid; _pos_job := _cut.job_id;
              _is_cut := _cut.count < _cut.seen or _cut.seen >= _most;${moveStrangers(s)}
            end if;
            _share := _bytes_left + ${MOST_BYTES};${takeStretch(s, wanted(s))};
          end if;
          if _taken > 0 then
            _passed := true;
            _ids := _ids || _taken_ids; _runs := _runs || _taken_runs;
            _left := _left - _taken; _bytes_left := _bytes_left - _size;
            lane := _lane; n := _c.n + 1; result_seg := _result_seg; job_ids := _taken_ids::text; runs := _taken_runs::text;
            return next;
          end if;
          -- room that ended with the stretch is no end of the lane: the next window is another claim's
          exit when not _is_cut and _left > 0 and _bytes_left > 0 and _moves_left > 0;
          if _left <= 0 or _bytes_left <= 0 or _moves_left <= 0 then
            _exhausted := false;
            -- the range goes on from its position alone; among the stragglers the older snapshot is still needed
            if _i > _stragglers then
              _older := null;
            end if;
            exit windows;
          end if;
          _lo_txid := _pos_txid; _lo_job := _pos_job;
        end loop;
      end loop;
      exit when _is_last;
      _older := _newer; _newer := _now; _is_last := true; _pos_txid := null; _pos_job := null;
    end loop;

    if _lane = any(_suspects) then
      _suspect := _left > 0;
    elsif not _exhausted then
      _open := _open || _lane;
    end if;
    _left := _left + _withheld;
    if _passed or (_c.n > 0 and pg_snapshot_xmin(_c.s1) < pg_snapshot_xmax(_c.s1)
        and (select count(*) from pg_snapshot_xip(_c.s1)) > ${MANY_RUNNING}
        and _c.s1::text <> _now::text) then
      ${perSegment(
        '_lease_seg',
        (i) => `
      insert into ${s}.lease_${i} (queue_id, lane, n, worker, claim_no, at, pos_txid, pos_job, s0, s1, result_seg, job_ids, runs)
      values (_queue_id, _lane, _c.n + 1, _worker, _claim_no, _at,
              case when not _exhausted then _pos_txid end, case when not _exhausted then _pos_job end,
              case when not _exhausted then _older end, _newer, _result_seg, _ids, case when 1 = all(_runs) then null else _runs end);`,
      )}
    end if;
  end loop;

  if _lost && _open then
    -- for the places that become free, and not for the next claim
    _waiting := array(select distinct u.name from unnest(_lost, _lost_names) u (lane, name)
      where u.lane = any(_open) and exists (select from ${s}.waiting_in(_queue_id, array[u.lane], 1)));
    _open := array(select u.lane from unnest(_open) with ordinality u (lane, i) where u.lane <> all(_lost) order by u.i);
  end if;
  if cardinality(_moved_to) > 0 then
    perform pg_notify('${channel.replaceAll("'", "''")}', _queue_id || ':' || l) from unnest(_moved_to) l group by l;
  end if;
  lane := null; n := null; result_seg := null; job_ids := null; runs := null; attempts := null; max_attempts := null;
  created := null; names := null; options := null; meta := null; payloads := null;
  status := ${s}.claim_status(_queue_id, _at, _now, _open, _parked || _moved_to, _suspects, _waiting);
  return next;
end
$fn$`;
