import { currentSegment } from '../../rings.js';
import { perSegment, PINNED_PLAN, type SchemaNames, SqlState } from '../../schema-names.js';
import { STREAM_LANE } from '../../../worker-engine.interface.js';
import { KEEP_MEMORY } from '../keep-memory.js';
import { holdOf, LANES_OF, NO_KEY_LANE, slotOf, SLOTS } from './slots.js';
import { nextTries } from './tries.js';
import { workerIsAlive } from '../worker-is-alive.js';

/** In-progress transactions in a cursor's snapshot beyond which a look that found nothing is saved, as claim() does. */
const MANY_RUNNING = 8;

/** When a position that another process holds is looked at again: ms. */
const BUSY_PAUSE = 1_000;

const EVENTS = 'ids, txids, published, types, keys, headers, payloads';

/**
 * Hands out the next batch of a group's stream to a worker: appends one lease, which is the group's cursor. The batch is a
 * job of the group (`job_id`): it ends, or is lost, as a run does.
 *
 * - Locks, transaction, snapshot and lost answers as claim()'s, whose comment says why.
 * - A batch has `limit` events at most, and all that was read, one at least. Nothing is written when there is none.
 * - Of a group that holds the stream, not while an earlier batch is open: its events leave one batch after the other. Of one
 *   that holds keys, the same for each slot of keys; `held` says the keys of which an event is being retried.
 * - Events of which one has made its batch fail, or ended its process, come one by one.
 *
 * Returns the events in rows, and a last row without any that has the database's time, what was in progress, and whether
 * there is more; `look_in`: ms until the position is due, or until it may be free; `tries`: of the first event.
 */
export const takeBatch = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.take_batch(
  _group_id int, _worker uuid, _claim_no bigint, _limit int, _max_bytes bigint, _again boolean
) returns table (
  lane int, n bigint, job_id bigint, at_s0 text, at_s1 text, ids text, txids text, published text, types text, keys text, headers text, payloads text,
  tries jsonb, held text[], look_in float8, status text
) language plpgsql ${PINNED_PLAN} as $fn$
#variable_conflict use_column
declare
  _now pg_snapshot; _at timestamptz; _alive boolean; _paused boolean; _stream_id int; _hold text; _result_seg smallint; _lease_seg smallint;
  _lane int; _c record; _e record; _batch bigint; _tries jsonb; _taken int := 0; _pause float8; _more boolean := false;
begin
  ${KEEP_MEMORY}
  if current_setting('transaction_isolation') <> 'read committed' or pg_current_xact_id_if_assigned() is not null then
    raise exception 'take_batch() runs alone in a READ COMMITTED transaction' using errcode = '${SqlState.wrongTransaction}',
      hint = 'call it outside of a transaction block, or in one that has written nothing';
  end if;
  perform set_config('synchronous_commit', 'off', true), pg_advisory_xact_lock_shared(${s}.lock_key('guard')),
    pg_advisory_xact_lock_shared(${s}.lock_key('worker', _worker::text)), pg_advisory_xact_lock(${s}.lock_key('queue', _group_id::text));
  select pg_current_snapshot(), clock_timestamp(), ${workerIsAlive(s)},
         q.stream_id, q.paused, ${holdOf('q.settings')}, ${currentSegment(s, 'result')}, ${currentSegment(s, 'lease')}
    into _now, _at, _alive, _stream_id, _paused, _hold, _result_seg, _lease_seg
    from (select) one left join ${s}.queue q on q.queue_id = _group_id and q.kind = 'g';
  if not _alive then
    raise exception 'worker % was declared dead', _worker using errcode = '${SqlState.workerDead}', hint = 'start again with a new id';
  end if;
  if _stream_id is null then
    raise exception 'group % was removed', _group_id using errcode = '${SqlState.noSuchGroup}', hint = 'subscribe it again';
  end if;
  if _again then
    -- this worker takes one after the other
    return query select l.lane, l.n, l.job_ids[1], b.at_s0::text, b.at_s1::text, ${EVENTS.split(', ')
      .map((column) => `b.${column}`)
      .join(', ')}, l.tries, '{}'::text[], null::float8, null::text
      from (select l.* from ${s}.lease l where l.queue_id = _group_id and l.lane between ${STREAM_LANE} and ${NO_KEY_LANE} and l.worker = _worker
        and l.claim_no = _claim_no and cardinality(l.job_ids) = 1 limit 1) l
     cross join lateral ${s}.batch_events(_group_id, l.lane, l.n) b;
    _taken := case when found then 1 else 0 end;
    _more := true;
  end if;
  if _taken = 0 and not _paused and _limit > 0 then
    -- by turns, so that no slot starves
    for _lane in select l.lane from ${LANES_OF('_hold')} l (lane) order by (l.lane + _claim_no) % ${SLOTS + 1} loop
      select l.* into _c from ${s}.lease l where l.queue_id = _group_id and l.lane = _lane order by l.n desc limit 1;
      if pg_snapshot_xmax(_c.s1) > pg_snapshot_xmax(_now) then
        raise exception 'the log was written by another cluster: its transactions are ahead of this one''s'
          using errcode = '${SqlState.foreignCluster}', hint = 'select adopt() re-stamps it; every worker process does so at its start';
      end if;
      -- not only the newest lease: the position may have been moved since
      if _hold <> 'nothing' then
        if (select not exists (select from ${s}.result r where r.queue_id = _group_id and r.job_id = b.job_id and r.run = 1)
            from (select l.job_ids[1] as job_id from ${s}.lease l
              where l.queue_id = _group_id and l.lane = _lane and l.job_ids is not null order by l.n desc limit 1) b) then
          _pause := least(_pause, ${BUSY_PAUSE});
          continue;
        end if;
      end if;
      if _c.due_until > _at then
        _pause := least(_pause, date_part('epoch', _c.due_until - _at) * 1000);
        continue;
      end if;
      _tries := ${nextTries('_c')};
      for _e in select * from ${s}.read_events(_stream_id, _c.s0, _c.s1, _c.pos_txid, _c.pos_job, _now,
          case when _tries ? 'single' then 1 else _limit end, _max_bytes, _slot => ${slotOf('_lane')}) loop
        exit when _e.taken = 0;
        if _taken = 0 then
          _batch := nextval('${s.replaceAll("'", "''")}.job_id');
          held := '{}';
          if _hold = 'key' then
            held := array(select h.key from ${s}.held_key h where h.group_id = _group_id order by h.key);
          end if;
        end if;
        _taken := _taken + _e.taken;
        lane := _lane; n := _c.n + 1; job_id := _batch; at_s0 := _e.at_s0::text; at_s1 := _e.at_s1::text; ids := _e.ids; txids := _e.txids;
        published := _e.published; types := _e.types; keys := _e.keys; headers := _e.headers; payloads := _e.payloads; tries := _tries;
        return next;
      end loop;
      if _taken > 0 then
        ${perSegment(
          '_lease_seg',
          (i) => `
        insert into ${s}.lease_${i} (queue_id, lane, n, worker, claim_no, at, s0, s1, pos_txid, pos_job, result_seg, job_ids, from_s0, from_s1, from_txid, from_job, events, tries)
        values (_group_id, _lane, _c.n + 1, _worker, _claim_no, _at, _e.s0, _e.s1, _e.pos_txid, _e.pos_id, _result_seg, array[_batch],
                _c.s0, _c.s1, _c.pos_txid, _c.pos_job, _taken, _tries);`,
        )}
        _more := _e.pos_txid is not null or _hold = 'key';
        exit;
      elsif pg_snapshot_xmin(_c.s1) < pg_snapshot_xmax(_c.s1) and _c.s1::text <> _now::text
          and (select count(*) from pg_snapshot_xip(_c.s1)) > ${MANY_RUNNING} then
        perform ${s}.move_cursor(_group_id, _lane, null, _now, null, null);
      end if;
    end loop;
  end if;
  lane := null; n := null; job_id := null; at_s0 := null; at_s1 := null; ids := null; txids := null; published := null; types := null;
  keys := null; headers := null; payloads := null; tries := null; held := null; look_in := case when not _more then _pause end;
  status := ${s}.claim_status(_group_id, _at, _now, case when _more then array[${STREAM_LANE}] else '{}' end, '{}', '{}', '{}');
  return next;
end
$fn$`;

/** A batch's events again, as they were handed out: as many, after the cursor that it began after, as far as its claim had seen. */
export const batchEvents = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.batch_events(_group_id int, _lane int, _n bigint) returns table (
  at_s0 pg_snapshot, at_s1 pg_snapshot, ids text, txids text, published text, types text, keys text, headers text, payloads text
) language sql stable ${PINNED_PLAN} as $fn$
select e.at_s0, e.at_s1, ${EVENTS.split(', ')
  .map((column) => `e.${column}`)
  .join(', ')}
  from (select l.*, q.stream_id from ${s}.lease l join ${s}.queue q on q.queue_id = l.queue_id
    where l.queue_id = _group_id and l.lane = _lane and l.n = _n limit 1) l
 cross join lateral ${s}.read_events(l.stream_id, l.from_s0, l.from_s1, l.from_txid, l.from_job, l.s1, l.events, 9223372036854775807,
   _slot => ${slotOf('l.lane')}) e
 where e.taken > 0
$fn$`;

/** Where a batch's events stand, one by one in their order, each with the cursor behind it. */
export const batchPlaces = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.batch_places(_group_id int, _lane int, _n bigint) returns table (id bigint, txid xid8, cursor text)
language sql stable ${PINNED_PLAN} as $fn$
select e.id, e.txid, concat(b.at_s0, '/', b.at_s1, '/', e.txid, '/', e.id)
  from ${s}.batch_events(_group_id, _lane, _n) with ordinality b (at_s0, at_s1, ids, txids, published, types, keys, headers, payloads, i)
 cross join lateral unnest(b.ids::bigint[], case when b.txids like '{%' then b.txids::xid8[] end) with ordinality u (id, txid, j)
 cross join lateral (select u.id, coalesce(u.txid, case when b.txids not like '{%' then b.txids::xid8 end) as txid) e
 order by b.i, u.j
$fn$`;
