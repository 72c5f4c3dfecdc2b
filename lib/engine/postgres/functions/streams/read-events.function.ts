import { PACK_SEPARATOR_SQL, PINNED_PLAN, type SchemaNames } from '../../schema-names.js';

/**
 * The events of a stream after a cursor, in the order of the log, as far as a snapshot sees: the stretches of
 * window_intervals(), packed, one row each; and a last row without events, which has the cursor behind them.
 *
 * - A cursor is a lane's: exhausted at `s1` while it has no position; else the range up to `s1` goes on after the position,
 *   among the stragglers while it has an `s0`.
 * - At most `limit` events and about `max_bytes` of data, but one at least.
 * - `types`: only these; null: all. `until`: a cursor at which to stop, so that a batch can be read again as it was.
 * - `at_s0` and `at_s1`: with an event's place, the cursor behind that event.
 *
 * - `slot`: events whose keys are in this one; -1: events without a key; null: all.
 *
 * Rides (stream_id, txid, event_id) in each segment; of a slot, (stream_id, slot, txid, event_id).
 */
export const readEvents = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.read_events(
  _stream_id int, _s0 pg_snapshot, _s1 pg_snapshot, _pos_txid xid8, _pos_id bigint,
  _now pg_snapshot, _limit int, _max_bytes bigint, _types text[] default null,
  _until_s0 pg_snapshot default null, _until_s1 pg_snapshot default null, _until_txid xid8 default null, _until_id bigint default null,
  _slot smallint default null
) returns table (
  s0 pg_snapshot, s1 pg_snapshot, pos_txid xid8, pos_id bigint, taken int, at_s0 pg_snapshot, at_s1 pg_snapshot,
  ids text, txids text, published text, types text, keys text, headers text, payloads text
) language plpgsql ${PINNED_PLAN} as $fn$
#variable_conflict use_column
declare
  _older pg_snapshot; _newer pg_snapshot; _is_last boolean;
  _w record; _lo_txid xid8; _lo_id bigint; _end xid8; _rest xid8[]; _last_txid xid8; _last_id bigint;
  _left int := _limit; _bytes_left bigint := _max_bytes; _most int; _size bigint; _taken int;
begin
  if _pos_txid is null then
    _older := _s1; _newer := _now; _is_last := true;
  else
    _older := _s0; _newer := _s1; _is_last := false;
  end if;
  <<windows>>
  loop
    _w := ${s}.window_intervals(_older, _newer, _pos_txid, _pos_id);
    _rest := _w.rest;
    for _i in 1 .. cardinality(_w.lo_txids) loop
      _lo_txid := _w.lo_txids[_i]; _lo_id := _w.lo_jobs[_i]; _end := _w.ends[_i];
      continue when _lo_txid >= _end;
      _most := _left;
      loop
        if _slot >= 0 then
${stretch(s, 'and e.slot = _slot')}
        else
${stretch(s, 'and (_slot is null or e.key is null)')}
        end if;
        exit when _taken < 2 or _size <= _bytes_left;
        -- fewer: as many as have room at this size
        _most := greatest(1, least(_taken - 1, (_taken * _bytes_left / _size)::int));
      end loop;
      if _taken > 0 then
        _pos_txid := _last_txid; _pos_id := _last_id;
        taken := _taken; at_s0 := case when _i <= _w.stragglers then _older end; at_s1 := _newer;
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

/** The next events of a stretch, packed. */
const stretch = (
  s: string,
  which: string,
): string => `        select count(*), sum(octet_length(e.payload)), (array_agg(e.txid))[count(*)::int] as txid, (array_agg(e.event_id))[count(*)::int] as id,
               array_agg(e.event_id)::text, case when (array_agg(e.txid))[1] = (array_agg(e.txid))[count(*)::int] then (array_agg(e.txid))[1]::text else array_agg(e.txid)::text end,
               case when min(e.published_at) = max(e.published_at) then floor(date_part('epoch', min(e.published_at)) * 1000)::bigint::text
                 else array_agg(floor(date_part('epoch', e.published_at) * 1000)::bigint)::text end,
               case when min(e.type) = max(e.type) then min(e.type) else string_agg(e.type, ${PACK_SEPARATOR_SQL}) end,
               case when count(e.key) > 0 then string_agg(coalesce(e.key, ''), ${PACK_SEPARATOR_SQL}) end,
               case when count(e.headers) > 0 then string_agg(coalesce(e.headers::text, ''), ${PACK_SEPARATOR_SQL}) end,
               string_agg(e.payload, ${PACK_SEPARATOR_SQL})
          into _taken, _size, _last_txid, _last_id, ids, txids, published, types, keys, headers, payloads
          from (
            select e.txid, e.event_id, e.published_at, e.type, e.key, e.headers, e.payload
              from ${s}.event e
             where e.stream_id = _stream_id ${which}
               and (e.txid, e.event_id) > (_lo_txid, _lo_id) and e.txid < _end
               and e.txid <> all(_rest)
               and (_types is null or e.type = any(_types))
               and (_until_s1 is null or ${s}.cursor_has_passed(_until_s0, _until_s1, _until_txid, _until_id, e.txid, e.event_id))
             order by e.txid, e.event_id limit _most
          ) e;`;
