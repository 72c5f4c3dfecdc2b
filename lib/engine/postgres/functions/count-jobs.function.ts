import { PINNED_PLAN, type SchemaNames } from '../schema-names.js';

/** Jobs of a state that are counted one by one; beyond it the count is estimated. */
const COUNTED = 10_000;

/**
 * An estimate from a sample: the first ${COUNTED} ids, and how dense they lie between the first and the last of all.
 */
const extrapolate = `
    if _n >= ${COUNTED} and _sampled_to > _first then
      _n := greatest(_n, round(_n * ((_last - _first)::float8 / (_sampled_to - _first))));
      estimated := true;
    end if;`;

/** How many jobs are in a state: exact up to some thousands, an estimate that says it is one beyond; never a full scan. */
export const countJobs = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.count_jobs(_queue_id int, _state text, out jobs bigint, out estimated boolean)
language plpgsql ${PINNED_PLAN} as $fn$
declare
  _n bigint; _first bigint; _sampled_to bigint; _last bigint; _lanes int[];
begin
  perform pg_advisory_xact_lock_shared(${s}.lock_key('guard'));
  estimated := false;
  if _state = 'waiting' then
    select count(*), min(w.job_id), max(w.job_id), array_agg(distinct w.lane)
      into _n, _first, _sampled_to, _lanes from ${s}.waiting_jobs(_queue_id, ${COUNTED}) w;
    if _n >= ${COUNTED} then
      select max(t.job_id) into _last from unnest(${s}.lanes_in_use(_queue_id, null, 0)) l (lane), lateral (
        select e.job_id from ${s}.entry e where e.queue_id = _queue_id and e.lane = l.lane
         order by e.txid desc, e.job_id desc limit 1) t;
    end if;${extrapolate}
  elsif _state = 'delayed' then
    select count(*), min(d.job_id), max(d.job_id)
      into _n, _first, _sampled_to from ${s}.delayed_jobs(_queue_id, ${COUNTED}) d;
    if _n >= ${COUNTED} then
      -- due times say nothing about ids: sample by id instead, and leave out what was promoted
      select count(*) filter (where not p.gone), min(p.job_id), max(p.job_id) into _n, _first, _sampled_to from (
        select d.job_id, exists (select from ${s}.entry e
            where e.queue_id = _queue_id and e.job_id = d.job_id and e.run = d.run) as gone
          from ${s}.delayed d where d.queue_id = _queue_id order by d.job_id desc limit ${COUNTED}) p;
      select min(d.job_id) into _last from ${s}.delayed d where d.queue_id = _queue_id;
      _n := greatest(${COUNTED}, round(_n * ((_sampled_to - _last)::float8 / greatest(_sampled_to - _first, 1))));
      estimated := true;
    end if;
  elsif _state = 'active' then
    select cardinality(a.job_ids), not a.complete into _n, estimated from ${s}.active_jobs(_queue_id) a;
  elsif _state = 'completed' then
    select count(*), min(r.job_id), max(r.job_id) into _n, _first, _sampled_to from (
      select r.job_id from ${s}.result r where r.queue_id = _queue_id and r.state = 'c' order by r.job_id limit ${COUNTED}) r;
    if _n >= ${COUNTED} then
      select r.job_id into _last from ${s}.result r where r.queue_id = _queue_id order by r.job_id desc limit 1;
    end if;${extrapolate}
  else
    select count(*), min(d.job_id), max(d.job_id) into _n, _first, _sampled_to from (
      select d.job_id from ${s}.dead d where d.queue_id = _queue_id order by d.job_id limit ${COUNTED}) d;
    if _n >= ${COUNTED} then
      select d.job_id into _last from ${s}.dead d where d.queue_id = _queue_id order by d.job_id desc limit 1;
    end if;${extrapolate}
  end if;
  jobs := _n;
end
$fn$`;
