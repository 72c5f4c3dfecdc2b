import type { SchemaNames } from '../schema-names.js';

/**
 * Whether the cursor of a lane has passed a place: the run there was leased, moved or dropped. Null cursor: a lane that
 * nobody has claimed from. Rides (queue_id, lane, n) of the leases.
 */
export const laneHasPassed = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.lane_has_passed(_queue_id int, _lane int, _txid xid8, _job_id bigint) returns boolean
language plpgsql stable set enable_seqscan = off set plan_cache_mode = force_generic_plan as $fn$
declare
  _c record;
begin
  select l.s0, l.s1, l.pos_txid, l.pos_job into _c
    from ${s}.lease l where l.queue_id = _queue_id and l.lane = _lane order by l.n desc limit 1;
  if not found then
    return false;
  end if;
  return ${s}.cursor_has_passed(_c.s0, _c.s1, _c.pos_txid, _c.pos_job, _txid, _job_id);
end
$fn$`;

/** The same for a cursor that is at hand: exhausted when it has no position, among the stragglers while it has an `s0`. */
export const cursorHasPassed = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.cursor_has_passed(
  _s0 pg_snapshot, _s1 pg_snapshot, _pos_txid xid8, _pos_job bigint, _txid xid8, _job_id bigint
) returns boolean language sql immutable parallel safe
return pg_visible_in_snapshot(_txid, _s1) and (
  _pos_txid is null
  or (_s0 is not null and pg_visible_in_snapshot(_txid, _s0))
  or (_txid, _job_id) <= (_pos_txid, _pos_job)
)`;
