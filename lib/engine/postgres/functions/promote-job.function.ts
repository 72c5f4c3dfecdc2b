import { perSegment, type SchemaNames } from '../schema-names.js';
import { CARRIED_COLUMNS } from './run-columns.js';
import { LOCK_RUNS, REFUSE_OLD_SNAPSHOT } from './run-locks.js';

/** A delayed job is due now: its delayed run ends as moved, and its next one stands in its lane. Returns what to notify; null: it is not delayed. */
export const promoteJob = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.promote_job(_queue_id int, _job_id bigint) returns text
language plpgsql set enable_seqscan = off as $fn$
declare
  _run int; _lane int; _segment smallint;
begin${REFUSE_OLD_SNAPSHOT('promote_job')}${LOCK_RUNS(s)}
  if ${s}.job_record(_queue_id, _job_id)->>'state' is distinct from 'delayed' then
    return null;
  end if;
  select n.run into _run from ${s}.newest_run(_queue_id, _job_id) n;
  perform ${s}.revoke(_queue_id, _job_id, _run, 'm');
  select r.current into _segment from ${s}.ring r where r.ring = 'entry';
  ${perSegment(
    '_segment',
    (i) => `
  insert into ${s}.entry_${i} (queue_id, lane, run, options, ${CARRIED_COLUMNS})
  select _queue_id, ${s}.line_of(_queue_id, d.name, d.options), d.run + 1, d.options, ${CARRIED_COLUMNS}
    from ${s}.delayed d where d.queue_id = _queue_id and d.job_id = _job_id and d.run = _run
  returning lane into _lane;`,
  )}
  return _queue_id || ':' || _lane;
end
$fn$`;
