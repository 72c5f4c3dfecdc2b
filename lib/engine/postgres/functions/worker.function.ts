import { perSegment, type SchemaNames } from '../schema-names.js';

/** A process's row: it says what it handles, and by queue how often a job of its may be recovered. Written once. */
export const registerWorker = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.register_worker(
  _worker uuid, _host text, _pid int, _handles jsonb, _listening boolean, _max_stalled jsonb default '{}'
) returns void
language sql as $fn$
insert into ${s}.worker (worker, host, pid, handles, max_stalled) values (_worker, _host, _pid, _handles, _max_stalled);
select ${s}.beat(_worker, 0, _listening);
$fn$`;

/** A sign of life; false tells a process that it was declared dead. Appended: a row that is updated has a chain of versions. */
export const beat = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.beat(_worker uuid, _in_flight int, _listening boolean) returns boolean
language plpgsql as $fn$
declare
  _segment smallint;
begin
  if not exists (select from ${s}.worker w where w.worker = _worker and not w.dead) then
    return false;
  end if;
  perform set_config('synchronous_commit', 'off', true);
  select r.current into _segment from ${s}.ring r where r.ring = 'pulse';
  ${perSegment(
    '_segment',
    (i) => `
  insert into ${s}.pulse_${i} (worker, in_flight, listening) values (_worker, _in_flight, _listening);`,
  )}
  return true;
end
$fn$`;

/** The end of a process that has nothing leased any more. */
export const retireWorker = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.retire_worker(_worker uuid) returns void
language sql as $fn$
delete from ${s}.worker w where w.worker = _worker
$fn$`;

/** Which of the runs of a process have ended without it: cancelled, or lost because it was declared dead. */
export const runsTaken = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.runs_taken(_queue_id int, _job_ids text, _runs text) returns table (job_id text, run int, state text, why text)
language sql stable set enable_seqscan = off as $fn$
select j.job_id::text, j.run, r.state::text, r.output
  from unnest(_job_ids::bigint[], _runs::int[]) j (job_id, run)
 cross join lateral (select x.state, x.output from ${s}.result x
   where x.queue_id = _queue_id and x.job_id = j.job_id and x.run = j.run limit 1) r
 where r.state in ('x', 'l', 'd')
$fn$`;
