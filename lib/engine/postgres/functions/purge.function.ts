import type { SchemaNames } from '../schema-names.js';
import { REFUSE_OLD_SNAPSHOT } from './run-locks.js';

/** Deletes a queue's dead jobs that are older than its retention (14 days) or more than it keeps; at most so many at once. */
export const purgeDead = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.purge_dead(_queue_id int, _limit int) returns int
language plpgsql set enable_seqscan = off as $fn$
declare
  _settings jsonb; _purged int; _from timestamptz;
begin
  select q.settings into _settings from ${s}.queue q where q.queue_id = _queue_id;
  _from := clock_timestamp() - coalesce((_settings #>> '{retention,failed,age}')::float8, 1209600000) * interval '1 millisecond';
  if _settings #>> '{retention,failed,count}' is not null then
    _from := greatest(_from, (select d.died_at from ${s}.dead d where d.queue_id = _queue_id
      order by d.died_at desc, d.job_id desc offset (_settings #>> '{retention,failed,count}')::bigint limit 1) + interval '1 microsecond');
  end if;
  delete from ${s}.dead d using (select x.job_id from ${s}.dead x where x.queue_id = _queue_id and x.died_at < _from
    order by x.died_at, x.job_id limit _limit) o
   where d.queue_id = _queue_id and d.job_id = o.job_id;
  get diagnostics _purged = row_count;
  return _purged;
end
$fn$`;

/** Forgets what was drained once nothing of it is left. Not while rows are being moved, which a snapshot from before would miss. */
export const purgeDrained = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.purge_drained() returns void
language plpgsql set enable_seqscan = off as $fn$
begin${REFUSE_OLD_SNAPSHOT('purge_drained')}
  perform pg_advisory_xact_lock_shared(${s}.lock_key('guard'));
  delete from ${s}.drained d
   where not exists (select from ${s}.entry e where e.queue_id = d.queue_id and e.lane = d.lane and e.txid < pg_snapshot_xmax(d.s1))
     and not exists (select from ${s}.delayed e where e.queue_id = d.queue_id and e.txid < pg_snapshot_xmax(d.s1));
end
$fn$`;
