import type { SchemaNames } from '../schema-names.js';

/**
 * The stretches of (txid, job_id) that make up a window, in order: what is visible in `newer` and was not in `older`.
 *
 * - First the stragglers: transactions in progress in `older` that ended before `newer`, each by its id.
 * - Then the range from `older`'s xmax to `newer`'s, between the transactions still in progress in `newer`: a scan
 *   over 300,000 uncommitted rows of a bulk import would cost 26 ms. Sixteen gaps are enough, the oldest in-progress
 *   ones, since bulk imports grow old; the caller filters the rest by `rest`.
 * - `older` null: the stragglers are done, and the range goes on after (pos_txid, pos_job).
 *
 * Lower bounds are places, exclusive; job ids are positive, so (x, -1) lies before all of x. Upper bounds (`ends`) are
 * transactions, exclusive: a scan that is bounded above by a row comparison does not stop before version 18 where only the
 * second column says so, and would walk over all of a transaction's rows.
 */
export const windowIntervals = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.window_intervals(
  _older pg_snapshot, _newer pg_snapshot, _pos_txid xid8, _pos_job bigint,
  out lo_txids xid8[], out lo_jobs bigint[], out ends xid8[], out stragglers int, out rest xid8[]
) language plpgsql stable as $fn$
declare
  _top constant bigint := 9223372036854775807;
  _lo xid8 := coalesce(pg_snapshot_xmax(_older), _pos_txid);
  _lo_job bigint := case when _older is null then _pos_job else -1 end;
  _running xid8[];
  _x xid8;
begin
  lo_txids := '{}'; lo_jobs := '{}'; ends := '{}'; rest := '{}'; stragglers := 0;
  if _older is not null and pg_snapshot_xmin(_older) < pg_snapshot_xmax(_older) then
    select coalesce(array_agg(x order by x), '{}'),
           coalesce(array_agg(case when x = _pos_txid then _pos_job else -1 end order by x), '{}')
      into lo_txids, lo_jobs
      from pg_snapshot_xip(_older) x
     where pg_visible_in_snapshot(x, _newer) and (_pos_txid is null or x >= _pos_txid);
    stragglers := cardinality(lo_txids);
    ends := array(select (x::text::bigint + 1)::text::xid8 from unnest(lo_txids) x order by x);
  end if;
  if pg_snapshot_xmin(_newer) < pg_snapshot_xmax(_newer) then
    select coalesce(array_agg(x order by x), '{}') into _running
      from pg_snapshot_xip(_newer) x where x >= _lo;
    rest := _running[17:];
    foreach _x in array _running[:16] loop
      if _lo < _x then
        lo_txids := lo_txids || _lo; lo_jobs := lo_jobs || _lo_job; ends := ends || _x;
      end if;
      _lo := _x; _lo_job := _top;
    end loop;
  end if;
  if _lo < pg_snapshot_xmax(_newer) then
    lo_txids := lo_txids || _lo; lo_jobs := lo_jobs || _lo_job;
    ends := ends || pg_snapshot_xmax(_newer);
  end if;
end
$fn$`;
