import type { SchemaNames } from '../schema-names.js';

/**
 * Whether a snapshot saw all that reclaiming has moved so far. TRUNCATE is seen by every snapshot, the copies only by
 * newer ones, so what was read through an older one may have missed a row. Asked after reading, in a sequence, which no
 * snapshot hides. In stricter isolation than READ COMMITTED the snapshot stays: PostgreSQL's 40001 then, as for the
 * user's own conflicts.
 */
export const isSettled = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.is_settled(_seen pg_snapshot) returns boolean
language plpgsql as $fn$
begin
  if pg_visible_in_snapshot((select m.last_value from ${s}.moved_by m)::text::xid8, _seen) then
    return true;
  end if;
  -- a number of another cluster, which nothing moves in before it is adopted
  if (select i.system_identifier from ${s}.installation i) is distinct from (select c.system_identifier from pg_control_system() c) then
    return true;
  end if;
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'could not serialize access: rows of the log were moved since this transaction began'
      using errcode = 'serialization_failure', hint = 'run the transaction again';
  end if;
  perform pg_sleep(0.001);
  return false;
end
$fn$`;
