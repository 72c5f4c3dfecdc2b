import { perSegment, SEGMENTS, type SchemaNames } from '../schema-names.js';

const CARRIED = 'job_id, created_at, attempt, max_attempts, lost, name, payload, meta';

/** Takes the locks under which a run that waits or is delayed stays where it is; for whoever ends or changes one. */
const LOCKS = (s: string): string => `
  perform pg_advisory_xact_lock_shared(${s}.lock_key('guard'));
  perform pg_advisory_xact_lock(${s}.lock_key('queue', _queue_id::text));
  perform pg_advisory_xact_lock(${s}.lock_key('delayed', _queue_id::text));`;

/** A delayed job is due now: its delayed run ends as moved, and its next one stands in its lane. Returns what to notify; null: it is not delayed. */
export const promoteJob = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.promote_job(_queue_id int, _job_id bigint) returns text
language plpgsql set enable_seqscan = off as $fn$
declare
  _run int; _lane int; _segment smallint;
begin${LOCKS(s)}
  if ${s}.job_record(_queue_id, _job_id)->>'state' is distinct from 'delayed' then
    return null;
  end if;
  select n.run into _run from ${s}.newest_run(_queue_id, _job_id) n;
  perform ${s}.revoke(_queue_id, _job_id, _run, 'm');
  select r.current into _segment from ${s}.ring r where r.ring = 'entry';
  ${perSegment(
    '_segment',
    (i) => `
  insert into ${s}.entry_${i} (queue_id, lane, run, options, ${CARRIED})
  select _queue_id, ${s}.line_of(_queue_id, d.name, d.options), d.run + 1, d.options, ${CARRIED}
    from ${s}.delayed d where d.queue_id = _queue_id and d.job_id = _job_id and d.run = _run
  returning lane into _lane;`,
  )}
  return _queue_id || ':' || _lane;
end
$fn$`;

/**
 * Changes a job's data, where it stands; its next attempt sees it. Off the hot path, a row is updated here: it keeps its
 * place. Says whether there was such a job, not finished.
 *
 * - Of a run that is under way: its own process says so before it ends the run (`mine`), so nothing can pass it. Anybody
 *   else keeps finishes out for a moment, or the next run might be made of what was there before.
 */
export const updateData = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.update_data(_queue_id int, _job_id bigint, _payload text, _mine int default null) returns boolean
language plpgsql set enable_seqscan = off as $fn$
declare
  _state text; _run int;
begin
  if _mine is not null then
    perform pg_advisory_xact_lock_shared(${s}.lock_key('guard'));
    _run := _mine;
  else${LOCKS(s)}
    perform set_config('lock_timeout', '1000', true);
    _state := ${s}.job_record(_queue_id, _job_id)->>'state';
    if _state = 'active' then
      lock table ${SEGMENTS.map((i) => `${s}.result_${i}`).join(', ')} in share mode;
      _state := ${s}.job_record(_queue_id, _job_id)->>'state';
    end if;
    if _state is null or _state in ('completed', 'failed') then
      return false;
    end if;
    select n.run into _run from ${s}.newest_run(_queue_id, _job_id) n;
  end if;
  ${SEGMENTS.map(
    (i) => `
  update ${s}.entry_${i} e set payload = _payload where e.queue_id = _queue_id and e.job_id = _job_id and e.run = _run;
  if found then
    return true;
  end if;
  update ${s}.delayed_${i} e set payload = _payload where e.queue_id = _queue_id and e.job_id = _job_id and e.run = _run;
  if found then
    return true;
  end if;`,
  ).join('')}
  return false;
end
$fn$`;

/**
 * Changes the priority of a job that waits or is delayed: what waits goes to the end of its new lane. Returns what to
 * notify ('' for nothing); null: it does neither.
 */
export const changePriority = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.change_priority(_queue_id int, _job_id bigint, _priority int) returns text
language plpgsql set enable_seqscan = off as $fn$
declare
  _state text; _run int; _lane int; _segment smallint;
begin${LOCKS(s)}
  _state := ${s}.job_record(_queue_id, _job_id)->>'state';
  select n.run into _run from ${s}.newest_run(_queue_id, _job_id) n;
  if _state = 'delayed' then
    ${SEGMENTS.map(
      (
        i,
      ) => `update ${s}.delayed_${i} d set options = coalesce(d.options, '{}') || jsonb_build_object('priority', _priority),
        lane = ${s}.line_of(_queue_id, d.name, coalesce(d.options, '{}') || jsonb_build_object('priority', _priority))
     where d.queue_id = _queue_id and d.job_id = _job_id and d.run = _run;`,
    ).join('\n    ')}
    return '';
  end if;
  if _state is distinct from 'waiting' then
    return null;
  end if;
  perform ${s}.revoke(_queue_id, _job_id, _run, 'm');
  select r.current into _segment from ${s}.ring r where r.ring = 'entry';
  ${perSegment(
    '_segment',
    (i) => `
  insert into ${s}.entry_${i} (queue_id, lane, run, options, ${CARRIED})
  select _queue_id, ${s}.line_of(_queue_id, e.name, x.options), e.run + 1, x.options, ${CARRIED}
    from ${s}.entry e
   cross join lateral (select coalesce(e.options, '{}') || jsonb_build_object('priority', _priority) as options) x
   where e.queue_id = _queue_id and e.job_id = _job_id and e.run = _run
  returning lane into _lane;`,
  )}
  return _queue_id || ':' || _lane;
end
$fn$`;

/** A paused queue's lanes are not served, by any process; what runs goes on. Returns whether that is new. */
export const pauseQueue = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.pause_queue(_queue_id int, _paused boolean) returns boolean
language plpgsql as $fn$
begin
  update ${s}.queue q set paused = _paused where q.queue_id = _queue_id and q.paused <> _paused;
  return found;
end
$fn$`;

/** What a queue keeps, and for how long, as its registration says; written when it differs. */
export const setRetention = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.set_retention(_queue_id int, _retention jsonb) returns void
language sql as $fn$
update ${s}.queue q set settings = jsonb_set(q.settings, '{retention}', _retention)
 where q.queue_id = _queue_id and q.settings->'retention' is distinct from _retention
$fn$`;

/** Removes jobs that have completed or died longer ago than so many ms, the oldest first; returns their ids. Off the hot path: rows are deleted. */
export const clean = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.clean(_queue_id int, _state text, _older_than float8, _limit bigint) returns text[]
language plpgsql set enable_seqscan = off as $fn$
declare
  _before timestamptz := clock_timestamp() - _older_than * interval '1 millisecond';
  _ids bigint[]; _gone text[] := '{}'; _id bigint; _job jsonb;
begin
  perform pg_advisory_xact_lock_shared(${s}.lock_key('guard'));
  if _state = 'failed' then
    _ids := array(select d.job_id from ${s}.dead d where d.queue_id = _queue_id and d.died_at <= _before order by d.died_at, d.job_id limit _limit);
  else
    _ids := array(select r.job_id from ${s}.result r where r.queue_id = _queue_id and r.state = 'c' and r.finished_at <= _before
      order by r.job_id limit _limit);
  end if;
  foreach _id in array _ids loop
    _job := ${s}.job_record(_queue_id, _id);
    if _job->>'state' in ('completed', 'failed') and ${s}.remove_job(_queue_id, _id) then
      _gone := _gone || coalesce(_job #>> '{options,jobId}', _id::text);
    end if;
  end loop;
  return _gone;
end
$fn$`;
