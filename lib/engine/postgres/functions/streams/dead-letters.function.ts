import { currentSegment } from '../../rings.js';
import { perSegment, PINNED_PLAN, type SchemaNames } from '../../schema-names.js';

/**
 * Lets dead events of a group come again as its jobs, with fresh attempts and their errors kept: one, or those that died until
 * `before`, at most so many. What another transaction is at is left to that.
 *
 * Returns how many, and what to notify.
 */
export const replayDead = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.replay_dead(_group_id int, _event_id bigint, _before timestamptz, _limit int, out replayed int, out wake text[])
language plpgsql ${PINNED_PLAN} as $fn$
declare
  _segment smallint;
begin
  perform pg_advisory_xact_lock_shared(${s}.lock_key('guard'));
  _segment := ${currentSegment(s, 'entry')};
  ${perSegment(
    '_segment',
    (i) => `
  with chosen as materialized (
    select d.job_id from ${s}.dead d
     where d.queue_id = _group_id and (_event_id is null or d.job_id = _event_id) and (_before is null or d.died_at <= _before)
       and exists (select from ${s}.queue q where q.queue_id = _group_id and q.kind = 'g')
     order by d.died_at, d.job_id limit _limit for update skip locked
  ), gone as (
    delete from ${s}.dead d using chosen c where d.queue_id = _group_id and d.job_id = c.job_id returning d.*
  ), appended as (
    insert into ${s}.entry_${i} (queue_id, lane, job_id, created_at, run, attempt, max_attempts, name, payload, options, meta)
    select g.queue_id, ${s}.line_of(g.queue_id, g.name, g.options), g.job_id, g.created_at, g.run + 1, 1, g.max_attempts, g.name, g.payload, g.options, g.meta
      from gone g order by g.job_id
    returning lane
  )
  select count(*), array_agg(distinct _group_id || ':' || a.lane) into replayed, wake from appended a;`,
  )}
end
$fn$`;

/** Deletes the dead events of a stream's groups that died before a time, the oldest first, at most so many; says how many. */
export const purgeDeadEvents = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.purge_dead_events(_stream_id int, _before timestamptz, _limit int) returns int
language plpgsql ${PINNED_PLAN} as $fn$
declare
  _purged int;
begin
  delete from ${s}.dead d using (
    select x.queue_id, x.job_id from ${s}.queue g cross join lateral (select y.queue_id, y.job_id, y.died_at from ${s}.dead y
        where y.queue_id = g.queue_id and y.died_at < _before order by y.died_at, y.job_id limit _limit) x
     where g.stream_id = _stream_id and g.kind = 'g' order by x.died_at limit _limit) o
   where d.queue_id = o.queue_id and d.job_id = o.job_id;
  get diagnostics _purged = row_count;
  return _purged;
end
$fn$`;
