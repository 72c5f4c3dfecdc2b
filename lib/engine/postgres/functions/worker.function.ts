import type { SchemaNames } from '../schema-names.js';

/** A process's row: it says what it handles; its counter shows that it lives while it holds leases. */
export const registerWorker = ({ schema: s }: SchemaNames): string => `
create function ${s}.register_worker(_worker uuid, _host text, _pid int, _handles jsonb, _listening boolean) returns void
language sql as $fn$
insert into ${s}.worker (worker, host, pid, handles, listening) values (_worker, _host, _pid, _handles, _listening)
$fn$`;

/** The heartbeat; false tells a process that it was declared dead. */
export const beat = ({ schema: s }: SchemaNames): string => `
create function ${s}.beat(_worker uuid, _in_flight int, _listening boolean) returns boolean
language plpgsql as $fn$
begin
  update ${s}.worker w set beat = w.beat + 1, seen_at = clock_timestamp(), in_flight = _in_flight, listening = _listening
   where w.worker = _worker and not w.dead;
  return found;
end
$fn$`;

/** The end of a process that has nothing leased any more. */
export const retireWorker = ({ schema: s }: SchemaNames): string => `
create function ${s}.retire_worker(_worker uuid) returns void
language sql as $fn$
delete from ${s}.worker w where w.worker = _worker
$fn$`;
