import { PINNED_PLAN, type SchemaNames } from '../schema-names.js';
import { DELAYED_LANE } from './delayed-lane.js';

/** What waits ahead of the cursors, in the order in which it will be served, up to a limit. */
export const waitingJobs = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.waiting_jobs(_queue_id int, _limit bigint) returns table (lane int, txid xid8, job_id bigint)
language sql stable as $fn$
select * from ${s}.waiting_in(_queue_id, ${s}.lanes_in_use(_queue_id, null, 0), _limit)
$fn$`;

/**
 * The same of some lanes: read through the same windows
 * as a claim's, without its locks, so a claim at the same moment may take what this returns.
 */
export const waitingIn = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.waiting_in(_queue_id int, _lanes int[], _limit bigint) returns table (lane int, txid xid8, job_id bigint)
language plpgsql stable ${PINNED_PLAN} as $fn$
#variable_conflict use_column
declare
  _now pg_snapshot := pg_current_snapshot();
  _lane int; _c record; _w record;
  _older pg_snapshot; _newer pg_snapshot; _is_last boolean; _pos_txid xid8; _pos_job bigint;
  _left bigint := _limit; _n bigint;
begin
  foreach _lane in array _lanes loop
    select l.s0, l.s1, l.pos_txid, l.pos_job into _c
      from ${s}.lease l where l.queue_id = _queue_id and l.lane = _lane order by l.n desc limit 1;
    if not found then
      _older := '1:1:'; _newer := _now; _is_last := true; _pos_txid := null; _pos_job := null;
    elsif _c.pos_txid is null then
      _older := _c.s1; _newer := _now; _is_last := true; _pos_txid := null; _pos_job := null;
    else
      _older := _c.s0; _newer := _c.s1; _is_last := false; _pos_txid := _c.pos_txid; _pos_job := _c.pos_job;
    end if;
    loop
      _w := ${s}.window_intervals(_older, _newer, _pos_txid, _pos_job);
      for _i in 1 .. cardinality(_w.lo_txids) loop
        return query
          select e.lane, e.txid, e.job_id from ${s}.entry e
           where e.queue_id = _queue_id and e.lane = _lane
             and (e.txid, e.job_id) > (_w.lo_txids[_i], _w.lo_jobs[_i]) and e.txid < _w.ends[_i]
             and e.txid <> all(_w.rest)
             and not exists (select from ${s}.result r
               where r.queue_id = _queue_id and r.job_id = e.job_id and r.run = e.run and r.revoked)
           order by e.txid, e.job_id limit _left;
        get diagnostics _n = row_count;
        _left := _left - _n;
        if _left <= 0 then
          return;
        end if;
      end loop;
      exit when _is_last;
      _older := _newer; _newer := _now; _is_last := true; _pos_txid := null; _pos_job := null;
    end loop;
  end loop;
end
$fn$`;

/** So few that came since the last draining are looked for by when they came. */
const FEW_SINCE = 10_000;

/**
 * The delayed runs that were not promoted yet, by due time. What has ended or was drained does not count towards the limit.
 *
 * - Rides (queue_id, run_at, txid, job_id) from the cursor on, over those that were cancelled or removed one by one.
 * - What was drained may be a million: (queue_id, txid, run_at) leads past it, unless many came since as well.
 */
export const delayedJobs = ({ schema: s }: SchemaNames): string => {
  const stillToCome = `(_drained is null or not pg_visible_in_snapshot(d.txid, _drained))
          and not exists (select from ${s}.result r where r.queue_id = _queue_id and r.job_id = d.job_id and r.run = d.run)`;
  return `
create or replace function ${s}.delayed_jobs(_queue_id int, _limit bigint) returns table (job_id bigint, run_at timestamptz)
language plpgsql stable ${PINNED_PLAN} as $fn$
#variable_conflict use_column
declare
  _c record;
  -- the last one's snapshot shows all that the earlier ones' did
  _drained pg_snapshot := (select d.s1 from ${s}.drained d where d.queue_id = _queue_id and d.lane = ${DELAYED_LANE}
    order by pg_snapshot_xmax(d.s1) desc limit 1);
  _few_since boolean := _drained is not null and not exists (select from ${s}.delayed d
    where d.queue_id = _queue_id and d.txid >= pg_snapshot_xmin(_drained) order by d.txid, d.run_at offset ${FEW_SINCE});
begin
  select l.s1, l.due_until, l.pos_txid, l.pos_job into _c
    from ${s}.lease l where l.queue_id = _queue_id and l.lane = ${DELAYED_LANE} order by l.n desc limit 1;
  if not found then
    _c.s1 := '1:1:'; _c.due_until := '-infinity'; _c.pos_txid := '0'; _c.pos_job := -1;
  end if;
  return query
    select d.job_id, d.run_at from (
      select d.job_id, d.run_at from (select d.job_id, d.run, d.run_at, d.txid from ${s}.delayed d
        where d.queue_id = _queue_id and d.txid >= pg_snapshot_xmin(_c.s1) and not pg_visible_in_snapshot(d.txid, _c.s1)
          and d.run_at <= _c.due_until and (d.run_at, d.txid, d.job_id) <= (_c.due_until, _c.pos_txid, _c.pos_job)
        order by d.txid, d.run_at) d
        where ${stillToCome}
      union all
      (select d.job_id, d.run_at from ${s}.delayed d
        where not _few_since and d.queue_id = _queue_id and (d.run_at, d.txid, d.job_id) > (_c.due_until, _c.pos_txid, _c.pos_job)
          and ${stillToCome}
        order by d.run_at, d.txid, d.job_id limit _limit)
      union all
      select d.job_id, d.run_at from (select d.job_id, d.run, d.run_at, d.txid from ${s}.delayed d
        where d.queue_id = _queue_id and d.txid >= pg_snapshot_xmin(_drained)
        order by d.txid, d.run_at limit ${FEW_SINCE}) d
        where _few_since and (d.run_at, d.txid, d.job_id) > (_c.due_until, _c.pos_txid, _c.pos_job)
          and ${stillToCome}
    ) d order by d.run_at, d.job_id limit _limit;
end
$fn$`;
};

/** How many leased runs, the newest first, are looked at to find the open ones. */
const LEASED_RUNS_SEEN = 20_000;

/** The runs that are leased and not finished, found among the newest leases of each lane. */
export const activeJobs = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.active_jobs(_queue_id int, out job_ids bigint[], out complete boolean)
language plpgsql stable ${PINNED_PLAN} as $fn$
declare
  _lane int; _l record; _seen int := 0; _open bigint[];
begin
  job_ids := '{}';
  foreach _lane in array ${s}.lanes_in_use(_queue_id, null, 0) loop
    for _l in select l.job_ids, l.runs from ${s}.lease l where l.queue_id = _queue_id and l.lane = _lane order by l.n desc loop
      _seen := _seen + coalesce(cardinality(_l.job_ids), 0);
      select array_agg(j.job_id) into _open from (select u.job_id, coalesce(u.run, 1) as run from unnest(_l.job_ids, _l.runs) u (job_id, run)) j
       where not exists (select from ${s}.result r where r.queue_id = _queue_id and r.job_id = j.job_id and r.run = j.run)
         -- offset 0: looked up run by run, whatever the plan was made on
         and exists (select from ${s}.entry e where e.queue_id = _queue_id and e.job_id = j.job_id and e.run = j.run offset 0);
      job_ids := job_ids || coalesce(_open, '{}');
      exit when _seen > ${LEASED_RUNS_SEEN};
    end loop;
  end loop;
  complete := _seen <= ${LEASED_RUNS_SEEN};
end
$fn$`;
