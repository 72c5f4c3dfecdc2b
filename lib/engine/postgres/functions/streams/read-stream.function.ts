import { PINNED_PLAN, type SchemaNames } from '../../schema-names.js';
import { refuseAhead } from './refuse-ahead.js';
import { bySlot } from './slots.js';

/**
 * read_events() for whoever looks: not while rows are being moved, which a snapshot from before would miss. Without a cursor
 * (`s1` null) it reads nothing, and returns the cursor at the end.
 */
export const readStream = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.read_stream(
  _stream_id int, _s0 pg_snapshot, _s1 pg_snapshot, _pos_txid xid8, _pos_id bigint, _limit int, _max_bytes bigint, _types text[]
) returns table (
  s0 text, s1 text, pos_txid text, pos_id text, at_s0 text, at_s1 text,
  ids text, txids text, published text, types text, keys text, headers text, payloads text
) language plpgsql as $fn$
#variable_conflict use_column
begin
  perform pg_advisory_xact_lock_shared(${s}.lock_key('guard'));${refuseAhead('_s1')}
  return query
    select e.s0::text, e.s1::text, e.pos_txid::text, e.pos_id::text, e.at_s0::text, e.at_s1::text,
           e.ids, e.txids, e.published, e.types, e.keys, e.headers, e.payloads
      from ${s}.read_events(_stream_id, _s0, coalesce(_s1, pg_current_snapshot()), _pos_txid, _pos_id, pg_current_snapshot(), _limit, _max_bytes, _types) e;
end
$fn$`;

/** So many are counted one by one; beyond that the number is an estimate, as if the rest were as dense in the sequence of ids. */
const COUNTED = 10_000;

/** How many events come after a cursor, of a slot as read_events()'s, exact up to ten thousand; and when the oldest of those was published. */
export const afterCursor = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.after_cursor(
  _stream_id int, _s0 pg_snapshot, _s1 pg_snapshot, _pos_txid xid8, _pos_id bigint, _slot smallint default null,
  out events bigint, out oldest timestamptz
) language plpgsql ${PINNED_PLAN} as $fn$
declare
  _now pg_snapshot := pg_current_snapshot();
  _older pg_snapshot; _newer pg_snapshot; _is_last boolean; _w record; _c record;
  _first bigint; _last bigint; _newest bigint;
begin
  events := 0;
  if _pos_txid is null then
    _older := _s1; _newer := _now; _is_last := true;
  else
    _older := _s0; _newer := _s1; _is_last := false;
  end if;
  loop
    _w := ${s}.window_intervals(_older, _newer, _pos_txid, _pos_id);
    for _i in 1 .. cardinality(_w.lo_txids) loop${bySlot(
      (which) => `
          select count(*) as n, min(e.event_id) as first, max(e.event_id) as last, min(e.published_at) as oldest into _c from (
            select e.event_id, e.published_at from ${s}.event e
             where e.stream_id = _stream_id ${which} and (e.txid, e.event_id) > (_w.lo_txids[_i], _w.lo_jobs[_i]) and e.txid < _w.ends[_i]
               and e.txid <> all(_w.rest)
             order by e.txid, e.event_id limit ${COUNTED} + 1 - events) e;`,
    )}
      events := events + _c.n; _first := least(_first, _c.first); _last := greatest(_last, _c.last); oldest := least(oldest, _c.oldest);
      if events > ${COUNTED} then
        select e.event_id into _newest from ${s}.event e where e.stream_id = _stream_id order by e.txid desc, e.event_id desc limit 1;
        events := greatest(events, (events * (_newest - _first)::numeric / greatest(1, _last - _first))::bigint);
        return;
      end if;
    end loop;
    exit when _is_last;
    _older := _newer; _newer := _now; _is_last := true; _pos_txid := null; _pos_id := null;
  end loop;
end
$fn$`;
