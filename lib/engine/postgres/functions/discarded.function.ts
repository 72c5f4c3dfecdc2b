import type { SchemaNames } from '../schema-names.js';

/**
 * Whether a run was discarded by draining: it stood ahead of its lane's cursor then, and nobody was handed it. Asked of
 * runs without a result. A delayed run is asked about under the lane of the delayed ones, while it was not promoted.
 */
export const discarded = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.discarded(_queue_id int, _lane int, _txid xid8, _job_id bigint) returns boolean
language plpgsql stable set enable_seqscan = off set plan_cache_mode = force_generic_plan as $fn$
begin
  return exists (select from ${s}.drained d
    where d.queue_id = _queue_id and d.lane = _lane and pg_visible_in_snapshot(_txid, d.s1)
      and (d.c_s1 is null or not ${s}.cursor_has_passed(d.c_s0, d.c_s1, d.c_pos_txid, d.c_pos_job, _txid, _job_id)));
end
$fn$`;
