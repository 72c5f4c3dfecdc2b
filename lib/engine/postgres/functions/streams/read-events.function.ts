import { PACK_SEPARATOR_SQL, PINNED_PLAN, type SchemaNames } from '../../schema-names.js';
import { bySlot } from './slots.js';

/** More than any event has, and twice that is a bigint: bytes. */
const HUGE = 1_000_000_000_000;

/** What of a stretch comes next. */
const stretch = (s: string, which: string, columns: string): string => `
          select ${columns}
            from ${s}.event e cross join lateral (select octet_length(e.payload) + coalesce(octet_length(e.headers::text), 0) as size) z
           where e.stream_id = _stream_id ${which}
             and (e.txid, e.event_id) > (_lo_txid, _lo_id) and e.txid < _end
             and e.txid <> all(_rest)
             and (_types is null or e.type = any(_types))
           order by e.txid, e.event_id limit _most`;

/** The same, packed; what is larger than its share is counted, and left out. */
const pack = (s: string, which: string): string => `
        select count(*), sum(e.size), count(*) filter (where e.size > _share), (array_agg(e.txid))[count(*)::int] as txid, (array_agg(e.event_id))[count(*)::int] as id,
               array_agg(e.event_id)::text, case when (array_agg(e.txid))[1] = (array_agg(e.txid))[count(*)::int] then (array_agg(e.txid))[1]::text else array_agg(e.txid)::text end,
               case when min(e.published_at) = max(e.published_at) then floor(date_part('epoch', min(e.published_at)) * 1000)::bigint::text
                 else (select array_agg(floor(date_part('epoch', t) * 1000)::bigint)::text from unnest(array_agg(e.published_at)) t) end,
               case when min(e.type collate "C") = max(e.type collate "C") then min(e.type collate "C") else string_agg(e.type, ${PACK_SEPARATOR_SQL}) end,
               case when count(e.key) > 0 then string_agg(coalesce(e.key, ''), ${PACK_SEPARATOR_SQL}) end,
               case when count(e.headers) > 0 then string_agg(coalesce(e.headers::text, ''), ${PACK_SEPARATOR_SQL}) filter (where e.size <= _share) end,
               string_agg(e.payload, ${PACK_SEPARATOR_SQL}) filter (where e.size <= _share)
          into _taken, _size, _large, _last_txid, _last_id, ids, txids, published, types, keys, headers, payloads
          from (${stretch(s, which, 'e.txid, e.event_id, e.published_at, e.type, e.key, e.headers, e.payload, z.size')}
          ) e;`;

/** How many of a stretch have room. */
const measure = (s: string, which: string): string => `
        select greatest(1, count(*)) into _most
          from (select sum(e.size) over (order by e.txid, e.event_id) as so_far from (${stretch(s, which, 'e.txid, e.event_id, z.size')}
          ) e) e where e.so_far <= _bytes_left;`;

/**
 * The events of a stream after a cursor, in the order of the log, as far as a snapshot sees: the stretches of
 * window_intervals(), packed, one row each; and a last row without events, which has the cursor behind them.
 *
 * - A cursor is a lane's: exhausted at `s1` while it has no position; else the range up to `s1` goes on after the position,
 *   among the stragglers while it has an `s0`.
 * - At most `limit` events and `max_bytes` of data and headers, but one at least.
 * - `types`: only these; null: all.
 * - `at_s0` and `at_s1`: with an event's place, the cursor behind that event.
 *
 * - `slot`: events whose keys are in this one; -1: events without a key; null: all.
 * - What is larger than its share of the bytes is not packed before it is known how much has room: 10,000 events of a
 *   megabyte make no text at all.
 *
 * Rides (stream_id, txid, event_id) in each segment; of a slot, (stream_id, slot, txid, event_id).
 */
export const readEvents = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.read_events(
  _stream_id int, _s0 pg_snapshot, _s1 pg_snapshot, _pos_txid xid8, _pos_id bigint,
  _now pg_snapshot, _limit int, _max_bytes bigint, _types text[] default null, _slot smallint default null
) returns table (
  s0 pg_snapshot, s1 pg_snapshot, pos_txid xid8, pos_id bigint, taken int, at_s0 pg_snapshot, at_s1 pg_snapshot,
  ids text, txids text, published text, types text, keys text, headers text, payloads text
) language plpgsql ${PINNED_PLAN} as $fn$
#variable_conflict use_column
declare
  _older pg_snapshot; _newer pg_snapshot; _is_last boolean;
  _w record; _lo_txids xid8[]; _lo_ids bigint[]; _ends xid8[]; _stragglers int; _lo_txid xid8; _lo_id bigint; _end xid8; _rest xid8[]; _last_txid xid8; _last_id bigint;
  _left int := _limit; _bytes_left bigint := _max_bytes; _most int; _share bigint; _size bigint; _taken int; _large int;
begin
  if _pos_txid is null then
    _older := _s1; _newer := _now; _is_last := true;
  else
    _older := _s0; _newer := _s1; _is_last := false;
  end if;
  <<windows>>
  loop
    if pg_snapshot_xmin(_newer) = pg_snapshot_xmax(_newer) and (_older is null or pg_snapshot_xmin(_older) = pg_snapshot_xmax(_older)) then
      -- nothing was in progress in either: one stretch, of which the function would say the same for more
      _lo_txids := array[coalesce(pg_snapshot_xmax(_older), _pos_txid)]; _lo_ids := array[case when _older is null then _pos_id else -1 end];
      _ends := array[pg_snapshot_xmax(_newer)]; _stragglers := 0; _rest := '{}';
    else
      _w := ${s}.window_intervals(_older, _newer, _pos_txid, _pos_id);
      _lo_txids := _w.lo_txids; _lo_ids := _w.lo_jobs; _ends := _w.ends; _stragglers := _w.stragglers; _rest := _w.rest;
    end if;
    for _i in 1 .. cardinality(_lo_txids) loop
      _lo_txid := _lo_txids[_i]; _lo_id := _lo_ids[_i]; _end := _ends[_i];
      continue when _lo_txid >= _end;
      _most := _left; _share := least(_bytes_left, ${HUGE}) / greatest(_most, 1) * 2;
      loop${bySlot((which) => pack(s, which))}
        exit when _large = 0 and (_taken < 2 or _size <= _bytes_left);
        if _size > _bytes_left then${bySlot((which) => measure(s, which))}
        end if;
        _share := ${HUGE};
      end loop;
      if _taken > 0 then
        _pos_txid := _last_txid; _pos_id := _last_id;
        taken := _taken; at_s0 := case when _i <= _stragglers then _older end; at_s1 := _newer;
        _left := _left - _taken; _bytes_left := _bytes_left - _size;
        if _taken >= _most or _left <= 0 or _bytes_left <= 0 then
          return next;
          -- the range goes on from its position alone; among the stragglers the older snapshot is still needed
          s0 := at_s0; s1 := _newer; pos_txid := _pos_txid; pos_id := _pos_id;
          exit windows;
        end if;
        return next;
      end if;
    end loop;
    if _is_last then
      s0 := null; s1 := _now; pos_txid := null; pos_id := null;
      exit;
    end if;
    _older := _newer; _newer := _now; _is_last := true; _pos_txid := null; _pos_id := null;
  end loop;
  taken := 0; at_s0 := null; at_s1 := null;
  ids := null; txids := null; published := null; types := null; keys := null; headers := null; payloads := null;
  return next;
end
$fn$`;
