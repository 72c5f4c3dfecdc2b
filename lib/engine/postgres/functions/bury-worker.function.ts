import type { SchemaNames } from '../schema-names.js';

/**
 * The workers and their newest sign of life, for whoever watches over them. Rides (worker, n) of the pulses: what it
 * costs does not depend on how long an old snapshot has been open.
 */
export const workersSeen = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.workers_seen() returns table (worker uuid, dead boolean, pulse bigint, listening boolean)
language sql stable set enable_seqscan = off as $fn$
select w.worker, w.dead, coalesce(p.n, 0), coalesce(p.listening, false)
  from ${s}.worker w
  left join lateral (select x.n, x.listening from ${s}.pulse x where x.worker = w.worker order by x.n desc limit 1) p on true
$fn$`;

/** Whether nobody holds a worker's lock: its LISTEN connection does for as long as it lives, and each of its claims. */
export const workerIsUnheld = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.worker_is_unheld(_worker uuid) returns boolean
language sql
return pg_try_advisory_xact_lock(${s}.lock_key('worker', _worker::text))`;

/**
 * Declares a worker dead, unless it has shown since that it lives (its pulse is another than the one that was seen) or
 * holds its lock. A claim takes that lock shared and looks at the row: none slips in between. `force`: whatever the lock
 * says, of a process that stands still. True when it is dead now.
 */
export const buryWorker = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.bury_worker(_worker uuid, _pulse bigint, _force boolean) returns boolean
language plpgsql set enable_seqscan = off as $fn$
begin
  if not _force and not pg_try_advisory_xact_lock(${s}.lock_key('worker', _worker::text)) then
    return false;
  end if;
  if exists (select from ${s}.pulse p where p.worker = _worker and p.n > _pulse) then
    return false;
  end if;
  update ${s}.worker w set dead = true where w.worker = _worker and not w.dead;
  return exists (select from ${s}.worker w where w.worker = _worker);
end
$fn$`;
