import { perSegment, type SchemaNames, SqlState } from '../schema-names.js';

/** So long it waits for a transaction that takes its key, which may stay open for minutes: nothing is reclaimed meanwhile. ms. */
const KEY_WITHIN = 1_000;

/**
 * A dead job runs again: a new run with fresh attempts, its errors kept; says whether there was one. Its unique key is
 * taken anew, and it stays dead when another living job holds that, or a transaction that is open may give it to one.
 */
export const retryDead = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.retry_dead(_queue_id int, _job_id bigint) returns text
language plpgsql set enable_seqscan = off as $fn$
declare
  _d record;
  _segment smallint;
  _holder bigint;
  _lock_timeout text := current_setting('lock_timeout');
begin
  perform pg_advisory_xact_lock_shared(${s}.lock_key('guard'));
  delete from ${s}.dead d where d.queue_id = _queue_id and d.job_id = _job_id returning d.* into _d;
  if not found then
    return null;
  end if;
  if _d.options->>'uniqueKey' is not null then
    begin
      perform set_config('lock_timeout', '${KEY_WITHIN}', true);
      _holder := ${s}.take_unique_key(_queue_id, _d.options->>'uniqueKey', _job_id);
      perform set_config('lock_timeout', _lock_timeout, true);
    exception when lock_not_available then
      raise exception 'job % cannot run again: its unique key % is being taken in a transaction that is open', _job_id, quote_literal(_d.options->>'uniqueKey')
        using errcode = '${SqlState.duplicateKey}', hint = 'retry it when that transaction has ended';
    end;
    if _holder is not null then
      raise exception 'job % cannot run again: its unique key % belongs to job % now', _job_id, quote_literal(_d.options->>'uniqueKey'), _holder
        using errcode = '${SqlState.duplicateKey}', hint = 'retry it when that job has ended, or remove one of them';
    end if;
  end if;
  select r.current into _segment from ${s}.ring r where r.ring = 'entry';
  ${perSegment(
    '_segment',
    (i) => `
  insert into ${s}.entry_${i} (queue_id, lane, job_id, created_at, run, attempt, max_attempts, name, payload, options, meta)
  values (_queue_id, ${s}.line_of(_queue_id, _d.name, _d.options), _job_id, _d.created_at, _d.run + 1, 1, _d.max_attempts, _d.name, _d.payload, _d.options, _d.meta);`,
  )}
  return _queue_id || ':' || ${s}.line_of(_queue_id, _d.name, _d.options);
end
$fn$`;
