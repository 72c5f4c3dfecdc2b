import { SEGMENTS, type SchemaNames } from '../schema-names.js';
import { LOCK_CHANGED, LOCK_RUNS, REFUSE_OLD_SNAPSHOT } from './run-locks.js';

/** Finishes of all queues wait behind who waits for those that are open: he asks for so long at most, and later again: ms. */
const FINISHES_WITHIN = 50;

/**
 * Changes a job's data, where it stands; its next attempt sees it. Off the hot path, a row is updated here: it keeps its
 * place. Says whether there was such a job, not finished.
 *
 * - Of a run that is under way: its own process says so before it ends the run (`mine`), so nothing can pass it. Anybody
 *   else keeps finishes out for a moment, or the next run might be made of what was there before; lock_not_available where
 *   a transaction that completes a job is open.
 */
export const updateData = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.update_data(_queue_id int, _job_id bigint, _payload text, _mine int default null) returns boolean
language plpgsql set enable_seqscan = off as $fn$
declare
  _state text; _run int; _changed boolean := false;
begin${REFUSE_OLD_SNAPSHOT('update_data')}
  if _mine is not null then${LOCK_CHANGED(s, ['entry', 'delayed'])}
    perform pg_advisory_xact_lock_shared(${s}.lock_key('guard'));
    _run := _mine;
  else${LOCK_RUNS(s, 'entry', 'delayed')}
    perform set_config('lock_timeout', '${FINISHES_WITHIN}', true);
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
  -- both: a run that was promoted has its delayed row still
  ${SEGMENTS.map(
    (i) => `
  update ${s}.entry_${i} e set payload = _payload where e.queue_id = _queue_id and e.job_id = _job_id and e.run = _run;
  _changed := _changed or found;
  update ${s}.delayed_${i} e set payload = _payload where e.queue_id = _queue_id and e.job_id = _job_id and e.run = _run;
  _changed := _changed or found;`,
  ).join('')}
  return _changed;
end
$fn$`;
