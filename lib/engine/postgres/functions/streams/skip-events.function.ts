import { PINNED_PLAN, type SchemaNames } from '../../schema-names.js';
import { bySlot } from './slots.js';

/** Of a stretch, how many of the next were published before the time, up to the first that was not, and which is the last of them. */
const skip = (s: string, which: string): string => `
          select count(*) as seen, count(*) filter (where p.old) as n,
                 (array_agg(p.txid) filter (where p.old))[count(*) filter (where p.old)] as txid,
                 (array_agg(p.event_id) filter (where p.old))[count(*) filter (where p.old)] as event_id into _c
            from (
              select e.txid, e.event_id, bool_and(e.published_at < _before) over (order by e.txid, e.event_id rows unbounded preceding) as old
                from (
                  select e.txid, e.event_id, e.published_at from ${s}.event e
                   where e.stream_id = _stream_id ${which}
                     and (e.txid, e.event_id) > (_w.lo_txids[_i], _w.lo_jobs[_i]) and e.txid < _w.ends[_i] and e.txid <> all(_w.rest)
                   order by e.txid, e.event_id limit _limit - skipped) e
               order by e.txid, e.event_id
            ) p;`;

/**
 * How many events come next after a cursor that were published before a time, up to the first that was not, at most `limit`; and
 * the cursor behind them. Cursor and `slot` are read_events()'.
 */
export const skipEvents = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.skip_events(
  _stream_id int, _s0 pg_snapshot, _s1 pg_snapshot, _pos_txid xid8, _pos_id bigint, _now pg_snapshot, _before timestamptz, _limit int, _slot smallint,
  out skipped int, out s0 pg_snapshot, out s1 pg_snapshot, out pos_txid xid8, out pos_id bigint
) language plpgsql ${PINNED_PLAN} as $fn$
#variable_conflict use_column
declare
  _older pg_snapshot; _newer pg_snapshot; _is_last boolean; _w record; _c record;
begin
  skipped := 0; s0 := _s0; s1 := _s1; pos_txid := _pos_txid; pos_id := _pos_id;
  if _pos_txid is null then
    _older := _s1; _newer := _now; _is_last := true;
  else
    _older := _s0; _newer := _s1; _is_last := false;
  end if;
  loop
    _w := ${s}.window_intervals(_older, _newer, _pos_txid, _pos_id);
    for _i in 1 .. cardinality(_w.lo_txids) loop${bySlot((which) => skip(s, which))}
      if _c.n > 0 then
        skipped := skipped + _c.n;
        s0 := case when _i <= _w.stragglers then _older end; s1 := _newer; pos_txid := _c.txid; pos_id := _c.event_id;
      end if;
      if _c.n < _c.seen or skipped >= _limit then
        return;
      end if;
    end loop;
    exit when _is_last;
    _older := _newer; _newer := _now; _is_last := true; _pos_txid := null; _pos_id := null;
  end loop;
end
$fn$`;
