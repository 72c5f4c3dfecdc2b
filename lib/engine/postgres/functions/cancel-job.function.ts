import { perSegment, type SchemaNames } from '../schema-names.js';
import { REFUSE_OLD_SNAPSHOT } from './run-locks.js';

/** So long a cancel waits for a transaction that completes the run, which may stay open for minutes: ms. */
const COMPLETED_WITHIN = 1_000;

/**
 * Ends a job that waits, is delayed or runs: dead, as cancelled. Returns 'waiting' or 'delayed' (it never runs), 'active'
 * (its run is ended here and now; whatever its process makes of it later is refused), or null when it had ended,
 * or is being completed in a transaction that is open: whatever becomes of that, it is not cancelled.
 *
 * - What waits: under the queue's locks, so that neither a claim nor a promotion takes it meanwhile.
 * - What runs: without the queue's lock, which would keep claims waiting while its lease is looked for; in the result segment its lease names, where a finish would write: of the two, one is.
 */
export const cancelJob = ({ schema: s, channel }: SchemaNames): string => `
create or replace function ${s}.cancel_job(_queue_id int, _job_id bigint, _reason text) returns text
language plpgsql set enable_seqscan = off as $fn$
declare
  _state text; _run record; _l record; _inserted int; _lock_timeout text := current_setting('lock_timeout');
begin${REFUSE_OLD_SNAPSHOT('cancel_job')}
  perform pg_advisory_xact_lock_shared(${s}.lock_key('guard'));
  for _try in 1 .. 5 loop
    _state := ${s}.job_record(_queue_id, _job_id)->>'state';
    if _state is null or _state in ('completed', 'failed') then
      return null;
    end if;
    if _state <> 'active' then
      perform pg_advisory_xact_lock(${s}.lock_key('queue', _queue_id::text));
      perform pg_advisory_xact_lock(${s}.lock_key('delayed', _queue_id::text));
      -- it may have been claimed before the locks were had
      continue when ${s}.job_record(_queue_id, _job_id)->>'state' is distinct from _state;
      select n.* into _run from ${s}.newest_run(_queue_id, _job_id) n;
      perform ${s}.revoke(_queue_id, _job_id, _run.run, 'x');
      perform ${s}.keep_cancelled(_queue_id, _job_id, _run.run, _reason, 1);
      return _state;
    end if;
    select n.* into _run from ${s}.newest_run(_queue_id, _job_id) n;
    select l.result_seg, l.worker into _l from ${s}.lease l
     where l.queue_id = _queue_id and l.lane = _run.lane and _job_id = any(l.job_ids)
       and (_run.run = 1 and l.runs is null or l.runs[array_position(l.job_ids, _job_id)] = _run.run)
     order by l.n desc limit 1;
    if found then
      -- this wait alone is bounded
      begin
        perform set_config('lock_timeout', '${COMPLETED_WITHIN}', true);
        ${perSegment(
          '_l.result_seg',
          (i) => `
        insert into ${s}.result_${i} (queue_id, job_id, run, state, output) values (_queue_id, _job_id, _run.run, 'x', _reason)
        on conflict do nothing;
        get diagnostics _inserted = row_count;`,
        )}
        perform set_config('lock_timeout', _lock_timeout, true);
      exception when lock_not_available then
        return null;
      end;
      if _inserted = 1 then
        perform ${s}.keep_cancelled(_queue_id, _job_id, _run.run, _reason, 0);
        perform pg_notify('${channel.replaceAll("'", "''")}', 'x:' || _queue_id);
        return 'active';
      end if;
    end if;
    -- its run ended at this moment: look where the job is now
  end loop;
  return null;
end
$fn$`;

/** The dead letter of a cancelled run; `not_begun` is 1 for one whose attempt had not started. */
export const keepCancelled = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.keep_cancelled(_queue_id int, _job_id bigint, _run int, _reason text, _not_begun int) returns void
language sql set enable_seqscan = off as $fn$
insert into ${s}.dead (queue_id, job_id, run, attempt, max_attempts, lost, lane, created_at, reason, name, payload, options, meta)
select e.queue_id, e.job_id, e.run, (e.attempt - _not_begun)::smallint, e.max_attempts, e.lost, e.lane, e.created_at, 'cancelled', e.name, e.payload, e.options,
       jsonb_set(coalesce(e.meta, '{}'), '{errors}', coalesce(e.meta->'errors', '[]') || jsonb_build_object('message', _reason))
  from (select x.queue_id, x.job_id, x.run, x.attempt, x.max_attempts, x.lost, x.lane, x.created_at, x.name, x.payload, x.options, x.meta
          from ${s}.entry x where x.queue_id = _queue_id and x.job_id = _job_id and x.run = _run
        union all
        select x.queue_id, x.job_id, x.run, x.attempt, x.max_attempts, x.lost, x.lane, x.created_at, x.name, x.payload, x.options, x.meta
          from ${s}.delayed x where x.queue_id = _queue_id and x.job_id = _job_id and x.run = _run limit 1) e
on conflict do nothing
$fn$`;
