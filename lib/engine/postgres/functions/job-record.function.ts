import { PINNED_PLAN, type SchemaNames } from '../schema-names.js';
import { DELAYED_LANE } from './delayed-lane.js';

/**
 * One job as JSON, or null when it is unknown or was removed. Its state is derived, by a few index probes: a dead
 * letter; the result of its newest run; whether its lane's cursor has passed that run; or delayed.
 */
export const jobRecord = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.job_record(_queue_id int, _job_id bigint) returns jsonb
language plpgsql stable ${PINNED_PLAN} as $fn$
declare
  _e record; _r record; _d record;
  _state text;
begin
  select d.* into _d from ${s}.dead d where d.queue_id = _queue_id and d.job_id = _job_id;
  if found then
    return jsonb_strip_nulls(jsonb_build_object(
      'key', _job_id::text, 'name', _d.name, 'options', _d.options, 'attempts', _d.max_attempts, 'state', 'failed',
      'attemptsStarted', _d.attempt, 'attemptsMade', _d.attempt, 'errors', _d.meta->'errors',
      'createdAt', date_part('epoch', _d.created_at) * 1000, 'finishedOn', date_part('epoch', _d.died_at) * 1000,
      'processedOn', date_part('epoch', _d.died_at) * 1000 - _d.ran_ms)) || jsonb_build_object('data', _d.payload);
  end if;
  select * into _e from (
    (select e.run, e.lane, e.txid, e.attempt, e.max_attempts, e.name, e.payload, e.options, e.meta, e.created_at, 1 as place
       from ${s}.entry e where e.queue_id = _queue_id and e.job_id = _job_id)
    union all
    (select d.run, d.lane, d.txid, d.attempt, d.max_attempts, d.name, d.payload, d.options, d.meta, d.created_at, 0
       from ${s}.delayed d where d.queue_id = _queue_id and d.job_id = _job_id)
  ) e order by e.run desc, e.place desc limit 1;
  if not found then
    return null;
  end if;
  select r.state, r.output, r.finished_at, r.ran_ms into _r
    from ${s}.result r where r.queue_id = _queue_id and r.job_id = _job_id and r.run = _e.run;
  if found then
    if _r.state <> 'c' then
      return null;
    end if;
    _state := 'completed';
  elsif ${s}.discarded(_queue_id, case when _e.place = 0 then ${DELAYED_LANE} else _e.lane end, _e.txid, _job_id) then
    return null;
  elsif _e.place = 0 then
    _state := 'delayed';
  elsif ${s}.lane_has_passed(_queue_id, _e.lane, _e.txid, _job_id) then
    _state := 'active';
  else
    _state := 'waiting';
  end if;
  return jsonb_strip_nulls(jsonb_build_object(
    'key', _job_id::text, 'name', _e.name, 'options', _e.options, 'attempts', _e.max_attempts, 'state', _state,
    'attemptsStarted', _e.attempt - case when _state in ('waiting', 'delayed') then 1 else 0 end,
    'attemptsMade', _e.attempt - 1, 'errors', _e.meta->'errors', 'result', _r.output,
    'createdAt', date_part('epoch', _e.created_at) * 1000, 'finishedOn', date_part('epoch', _r.finished_at) * 1000,
    'processedOn', date_part('epoch', _r.finished_at) * 1000 - _r.ran_ms)) || jsonb_build_object('data', _e.payload);
end
$fn$`;

/**
 * The job behind an id from outside: a custom one, or the number itself. Rings of keys are reclaimed without the guard, so
 * it looks again where a snapshot from before has missed the newest generation: volatile, each look with a snapshot of its own.
 */
export const findJob = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.find_job(_queue_id int, _id text) returns bigint
language plpgsql volatile set enable_seqscan = off as $fn$
declare
  _found record;
begin
  if _id ~ '^[0-9]{1,18}$' then
    return _id::bigint;
  end if;
  loop
    select c.job_id, pg_current_snapshot() as seen into _found from (select) one
      left join lateral (
        select x.job_id from ${s}.custom_id x
         where x.queue_id = _queue_id and x.id = _id order by x.generation desc limit 1) c on true;
    exit when ${s}.is_settled(_found.seen);
  end loop;
  return _found.job_id;
end
$fn$`;

/** A job by its id from outside, for those who look: not while rows are being moved, which a snapshot from before would miss. */
export const getJob = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.get_job(_queue_id int, _id text) returns text
language plpgsql as $fn$
begin
  perform pg_advisory_xact_lock_shared(${s}.lock_key('guard'));
  return ${s}.job_record(_queue_id, ${s}.find_job(_queue_id, _id))::text;
end
$fn$`;
