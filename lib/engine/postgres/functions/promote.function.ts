import { perSegment, PINNED_PLAN, type SchemaNames, SqlState } from '../schema-names.js';
import { DELAYED_LANE, LAST_JOB, LAST_TXID } from './delayed-lane.js';

/** Transactions between two cursors beyond which a look that found nothing is saved all the same. */
const WIDE_WINDOW = 10_000;
/** Delayed runs in it, beyond which it is saved as well: each look walks over them. */
const MANY_ARRIVED = 200;

const COPIED = 'lane, job_id, created_at, run, attempt, max_attempts, lost, name, payload, options, meta';
const copied = (alias: string): string =>
  COPIED.split(', ')
    .map((column) => `${alias}.${column}`)
    .join(', ');

/** Appends what `due` selects to the entries of one segment, in order of due time, but for what ended while it was delayed. */
const appendDue = (s: string, segment: number): string => `
    moved as (
      insert into ${s}.entry_${segment} (queue_id, ${COPIED})
      select _queue_id, ${copied('d')} from due d
       where not exists (select from ${s}.result r
         where r.queue_id = _queue_id and r.job_id = d.job_id and r.run = d.run and r.revoked)
         and not (_drained and ${s}.discarded(_queue_id, ${DELAYED_LANE}, d.txid, d.job_id))
       order by d.run_at, d.txid, d.job_id
      returning lane
    )`;

/**
 * Appends the delayed runs that are due to their lanes, and moves the cursor, which lies in snapshot and in time:
 * everything visible in `s1` and at or before (due_until, pos) is done. Nothing is updated or deleted.
 *
 * - Late arrivals first: what committed since `s1` with a due time behind the cursor. Rides (queue_id, txid, run_at), which
 *   its order pins: a plan made on an empty segment might walk over all that was promoted before.
 * - Then what came due since, at most `limit`. Rides (queue_id, run_at, txid, job_id).
 * - Locks and transaction as claim(), with a lock of its own: promotions and claims do not wait for each other.
 *
 * `room`: so many its process can take; when it appended more, all others are told.
 *
 * Returns the lanes it appended to, when the next run is due (epoch ms), and whether more are due already.
 */
export const promote = ({ schema: s, channel }: SchemaNames): string => `
create or replace function ${s}.promote(_queue_id int, _limit int, _room int default null) returns table (lanes int[], next_due float8, more boolean, now float8)
language plpgsql ${PINNED_PLAN} as $fn$
#variable_conflict use_column
declare
  _now pg_snapshot; _at timestamptz;
  _entry_seg smallint; _lease_seg smallint; _drained boolean;
  _c record; _w record; _d record;
  _lanes int[] := '{}'; _found bigint := 0; _more boolean := false;
  _until timestamptz; _pos_txid xid8; _pos_job bigint;
begin
  if current_setting('transaction_isolation') <> 'read committed' or pg_current_xact_id_if_assigned() is not null then
    raise exception 'promote() runs alone in a READ COMMITTED transaction' using errcode = '${SqlState.wrongTransaction}',
      hint = 'call it outside of a transaction block, or in one that has written nothing';
  end if;
  perform pg_advisory_xact_lock_shared(${s}.lock_key('guard'));
  perform pg_advisory_xact_lock(${s}.lock_key('delayed', _queue_id::text));
  select pg_current_snapshot(), clock_timestamp() into _now, _at;
  select r.current into _entry_seg from ${s}.ring r where r.ring = 'entry';
  select r.current into _lease_seg from ${s}.ring r where r.ring = 'lease';
  _drained := exists (select from ${s}.drained d where d.queue_id = _queue_id and d.lane = ${DELAYED_LANE});

  select l.n, l.s1, l.due_until, l.pos_txid, l.pos_job into _c
    from ${s}.lease l where l.queue_id = _queue_id and l.lane = ${DELAYED_LANE} order by l.n desc limit 1;
  if not found then
    _c.n := 0; _c.s1 := '1:1:'; _c.due_until := '-infinity'; _c.pos_txid := ${LAST_TXID}; _c.pos_job := ${LAST_JOB};
  else
    if pg_snapshot_xmax(_c.s1) > pg_snapshot_xmax(_now) then
      raise exception 'the log was written by another cluster: its transactions are ahead of this one''s'
        using errcode = '${SqlState.foreignCluster}', hint = 'select adopt() re-stamps it; every worker process does so at its start';
    end if;
    _w := ${s}.window_intervals(_c.s1, _now, null, null);
    for _i in 1 .. cardinality(_w.lo_txids) loop
      ${perSegment(
        '_entry_seg',
        (i) => `
      with due as materialized (
        select d.* from ${s}.delayed d
         where d.queue_id = _queue_id
           and d.txid >= _w.lo_txids[_i] and (d.txid > _w.lo_txids[_i] or _w.lo_jobs[_i] = -1)
           and d.txid < _w.ends[_i]
           and d.txid <> all(_w.rest)
           and d.run_at <= _c.due_until and (d.run_at, d.txid, d.job_id) <= (_c.due_until, _c.pos_txid, _c.pos_job)
         order by d.txid, d.run_at
      ),${appendDue(s, i)}
      select (select count(*) from due) as n, array(select distinct lane from moved) as lanes into _d;`,
      )}
      _found := _found + _d.n; _lanes := _lanes || _d.lanes;
    end loop;
  end if;

  ${perSegment(
    '_entry_seg',
    (i) => `
  with due as materialized (
    select d.* from ${s}.delayed d
     where d.queue_id = _queue_id and (d.run_at, d.txid, d.job_id) > (_c.due_until, _c.pos_txid, _c.pos_job)
       and d.run_at <= _at and pg_visible_in_snapshot(d.txid, _now)
     order by d.run_at, d.txid, d.job_id limit _limit
  ),${appendDue(s, i)}, last as (
    select d.run_at, d.txid, d.job_id from due d order by d.run_at desc, d.txid desc, d.job_id desc limit 1
  )
  select (select count(*) from due) as n, array(select distinct lane from moved) as lanes, l.run_at, l.txid, l.job_id into _d
    from (select) one left join last l on true;`,
  )}
  _found := _found + _d.n; _lanes := _lanes || _d.lanes; _more := _d.n >= _limit;
  if _more then
    _until := _d.run_at; _pos_txid := _d.txid; _pos_job := _d.job_id;
  else
    _until := greatest(_c.due_until, _at); _pos_txid := ${LAST_TXID}; _pos_job := ${LAST_JOB};
  end if;

  if _found > 0 or (_c.n > 0
      and (pg_snapshot_xmax(_now)::text::numeric - pg_snapshot_xmax(_c.s1)::text::numeric > ${WIDE_WINDOW}
        or exists (select from ${s}.delayed d where d.queue_id = _queue_id and d.txid >= pg_snapshot_xmax(_c.s1)
          order by d.txid, d.run_at offset ${MANY_ARRIVED}))) then
    ${perSegment(
      '_lease_seg',
      (i) => `
    insert into ${s}.lease_${i} (queue_id, lane, n, at, s1, due_until, pos_txid, pos_job)
    values (_queue_id, ${DELAYED_LANE}, _c.n + 1, _at, _now, _until, _pos_txid, _pos_job);`,
    )}
  end if;
  if _found > _room then
    perform pg_notify('${channel.replaceAll("'", "''")}', _queue_id || ':' || l) from unnest(_lanes) l group by l;
  end if;
  return query select array(select distinct l from unnest(_lanes) l),
    (select date_part('epoch', d.run_at) * 1000 from ${s}.delayed d
      where d.queue_id = _queue_id and (d.run_at, d.txid, d.job_id) > (_until, _pos_txid, _pos_job)
      order by d.run_at, d.txid, d.job_id limit 1), _more, date_part('epoch', _at) * 1000;
end
$fn$`;
