import { STREAM_LANE } from '../../worker-engine.interface.js';
import { perSegment, type SchemaNames } from '../schema-names.js';
import { unended } from './unended.js';
import { CLIENT_WORKER } from './worker-is-alive.js';

/** Reclaiming waits meanwhile: ms for each run that is locked. */
const LOCKED_FOR = 10;

/**
 * Ends what a dead worker left unfinished in a queue as lost, and lets it run again: once beside others, then as a suspect;
 * a job that was lost as a suspect too often is dead (stalled). Attempts are not charged.
 *
 * - One by one: a run that is locked by an open completeIn() is left for later, and does not hold up the others.
 * - What was lost comes to the lane of what was lost once, of which a process fetches nothing ahead: most processes end by
 *   no job's fault, and all that they had runs again at once.
 * - What is lost from there, too, comes to the suspects' lane, where a process runs one at a time: what merely ran beside a
 *   job that kills its process is lost from there no more, and only that counts.
 *
 * - `since`: only what it claimed from then on. Most of what a process held it had just claimed; finding what it had held
 *   for long takes a look at all the leases there are.
 *
 * - A batch of a stream is scattered: its events go on one by one, as what was lost once. Where their order counts, the
 *   group's position moves back into it.
 *
 * - One process at a time; for another it looks as if a run were locked.
 *
 * Returns the jobs that go on, those that are dead, how many are locked, whether there is more, and what to notify.
 */
export const recoverRuns = ({ schema: s, channel }: SchemaNames): string => `
create or replace function ${s}.recover_runs(
  _queue_id int, _worker uuid, _since timestamptz, _limit int,
  out lost text[], out stalled text[], out locked int, out more boolean
) language plpgsql set plan_cache_mode = force_custom_plan as $fn$
declare
  _l record; _e record; _b record;
  _entry_seg smallint;
  _most int; _found int := 0; _lane int; _inserted int; _times int; _gone int; _lanes int[] := '{}';
  _died boolean; _in_order boolean; _dead bigint;
begin
  lost := '{}'; stalled := '{}'; locked := 0; more := false;
  if not pg_try_advisory_xact_lock(${s}.lock_key('recover', _worker::text)) then
    locked := 1;
    return;
  end if;
  perform set_config('lock_timeout', '${LOCKED_FOR}', true);
  perform pg_advisory_xact_lock_shared(${s}.lock_key('guard'));
  select coalesce((w.max_stalled->>q.name)::int, 2), coalesce(q.settings->>'hold', 'nothing') <> 'nothing' into _most, _in_order
    from ${s}.queue q left join ${s}.worker w on w.worker = _worker where q.queue_id = _queue_id;
  select r.current into _entry_seg from ${s}.ring r where r.ring = 'entry';
  for _l in
    select l.lane, l.n, l.result_seg, l.from_s1 is not null as is_batch, j.job_id, coalesce(j.run, 1) as run, coalesce(special.kind, 'n') as kind
      from ${s}.lease l
     cross join lateral unnest(l.job_ids, l.runs) with ordinality j (job_id, run, i)
      left join ${s}.lane special on special.queue_id = _queue_id and special.lane = ${s}.home_lane(l.lane)
     where l.queue_id = _queue_id and l.worker = _worker and l.at >= _since
       and ${unended(s)}
     order by l.lane, l.n, j.i
  loop
    _found := _found + 1;
    if _found > _limit then
      more := true;
      exit;
    end if;
    begin
      ${perSegment(
        '_l.result_seg',
        (i) => `
      insert into ${s}.result_${i} (queue_id, job_id, run, state) values (_queue_id, _l.job_id, _l.run, 'l') on conflict do nothing;
      get diagnostics _inserted = row_count;`,
      )}
      if _l.is_batch and _inserted = 1 and _in_order then
        _dead := ${s}.rewind_lost(_queue_id, _l.lane, _l.n, _most);
      elsif _l.is_batch and _inserted = 1 then
        _b := ${s}.scatter_batch(_queue_id, _l.lane, _l.n, 'l', case when _most > 0 then '{"lost": true}'::jsonb
            else '{"reason": "stalled", "error": {"message": "The event stalled: its process was gone before it ended"}}' end);
      end if;
    exception when lock_not_available then
      locked := locked + 1;
      continue;
    end;
    continue when _inserted = 0;
    if _l.is_batch and _in_order then
      stalled := stalled || array_remove(array[_dead::text], null);
      _lanes := _lanes || ${STREAM_LANE};
      continue;
    end if;
    if _l.is_batch then
      if _most > 0 then
        lost := lost || _b.events::text[];
      else
        stalled := stalled || _b.events::text[];
      end if;
      _lanes := _lanes || _b.lanes;
      continue;
    end if;
    select e.* into _e from ${s}.entry e where e.queue_id = _queue_id and e.job_id = _l.job_id and e.run = _l.run limit 1;
    continue when not found;
    _times := _e.lost + case when _l.kind = 's' then 1 else 0 end;
    -- a suspect was lost twice before, and what was lost once, once
    _gone := _times + case when _l.kind in ('l', 's') then 2 else 1 end;
    _died := _times >= _most;
    if _died then
      insert into ${s}.dead (queue_id, job_id, run, attempt, max_attempts, lost, lane, created_at, reason, name, payload, options, meta)
      values (_queue_id, _e.job_id, _e.run, _e.attempt, _e.max_attempts, _times, _e.lane, _e.created_at, 'stalled', _e.name, _e.payload, _e.options,
        jsonb_set(coalesce(_e.meta, '{}'), '{errors}', coalesce(_e.meta->'errors', '[]') || jsonb_build_object(
          'message', 'The job stalled: its process was gone before it ended, ' || _gone || case when _gone = 1 then ' time' else ' times' end)))
      on conflict do nothing;
      stalled := stalled || coalesce(_e.options->>'jobId', _e.job_id::text);
    else
      _lane := ${s}.special_lane(_queue_id, case when _l.kind in ('l', 's') then 's' else 'l' end::"char", _e.name,
        coalesce((_e.options->>'priority')::smallint, 0::smallint));
      ${perSegment(
        '_entry_seg',
        (i) => `
      insert into ${s}.entry_${i} (queue_id, lane, job_id, created_at, run, attempt, max_attempts, lost, name, payload, options, meta)
      values (_queue_id, _lane, _e.job_id, _e.created_at, _e.run + 1, _e.attempt, _e.max_attempts, _times, _e.name, _e.payload, _e.options, _e.meta);`,
      )}
      lost := lost || coalesce(_e.options->>'jobId', _e.job_id::text);
      _lanes := _lanes || _lane;
    end if;
  end loop;
  perform pg_notify('${channel.replaceAll("'", "''")}', _queue_id || ':' || l) from (select distinct l from unnest(_lanes) l) x (l);
end
$fn$`;

/** Workers that hold open leases and have no row: their processes ended without handing back what they held. Reads all leases: rare. */
export const orphans = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.orphans() returns setof uuid
language sql stable as $fn$
with orphaned as materialized (
  select l.queue_id, l.worker, l.job_ids, l.runs from ${s}.lease l
   where l.worker <> ${CLIENT_WORKER} and l.queue_id > 0 and l.at < clock_timestamp() - interval '10 seconds'
     and not exists (select from ${s}.worker w where w.worker = l.worker)
)
select distinct l.worker from orphaned l, lateral unnest(l.job_ids, l.runs) j (job_id, run)
 where ${unended(s)}
$fn$`;
