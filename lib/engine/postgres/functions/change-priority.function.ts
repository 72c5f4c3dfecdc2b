import { perSegment, SEGMENTS, type SchemaNames } from '../schema-names.js';
import { CARRIED_COLUMNS } from './run-columns.js';
import { LOCK_RUNS, REFUSE_OLD_SNAPSHOT } from './run-locks.js';

/**
 * Changes the priority of a job that waits or is delayed: what waits goes to the end of its new lane. Returns what to
 * notify ('' for nothing); null: it does neither.
 */
export const changePriority = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.change_priority(_queue_id int, _job_id bigint, _priority int) returns text
language plpgsql set enable_seqscan = off as $fn$
declare
  _state text; _run int; _lane int; _segment smallint;
begin${REFUSE_OLD_SNAPSHOT('change_priority')}${LOCK_RUNS(s, 'delayed')}
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
  insert into ${s}.entry_${i} (queue_id, lane, run, options, ${CARRIED_COLUMNS})
  select _queue_id, ${s}.line_of(_queue_id, e.name, x.options), e.run + 1, x.options, ${CARRIED_COLUMNS}
    from ${s}.entry e
   cross join lateral (select coalesce(e.options, '{}') || jsonb_build_object('priority', _priority) as options) x
   where e.queue_id = _queue_id and e.job_id = _job_id and e.run = _run
  returning lane into _lane;`,
  )}
  return _queue_id || ':' || _lane;
end
$fn$`;
