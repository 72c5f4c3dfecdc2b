import { perSegment, SEGMENTS, type SchemaNames } from '../../schema-names.js';
import { STREAM_LANE } from '../../../worker-engine.interface.js';
import { unended } from '../unended.js';
import { CLIENT_WORKER } from '../worker-is-alive.js';
import { writtenHere } from '../written-here.js';
import { holdOf, NO_KEY_LANE } from './slots.js';

/** What was lost because its cluster is another is nobody's fault. */
const NEVER_DEAD = 1_000_000;

/** A batch of a stream that has not ended, in a lease `l`. */
const isOpen = (s: string): string =>
  `l.from_s1 is not null and (select ${unended(s)} from (select l.job_ids[1] as job_id, 1 as run) j)`;

/** Where a transaction of the other cluster stands here: its own place; of one without events, the next one's. */
export const adoptedPlace = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.adopted_place(_txid xid8) returns bigint
language plpgsql stable as $fn$
begin
  return coalesce((select a.place from adopted_txid a where (a.here, a.txid) >= (false, _txid::text::bigint) order by a.here, a.txid limit 1),
    (select max(a.place) + 1 from adopted_txid a), 1);
end
$fn$`;

/** A snapshot of the other cluster as one of this: the same events are visible in it, and none that was published here. */
export const adoptedSnapshot = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.adopted_snapshot(_s pg_snapshot) returns pg_snapshot
language plpgsql stable strict as $fn$
declare
  _xmax bigint := ${s}.adopted_place(pg_snapshot_xmax(_s));
  _running bigint[] := array(select distinct a.place from pg_snapshot_xip(_s) x
    join adopted_txid a on not a.here and a.txid = x::text::bigint where a.place < _xmax order by 1);
begin
  return format('%s:%s:%s', coalesce(_running[1], _xmax), _xmax, array_to_string(_running, ','))::pg_snapshot;
end
$fn$`;

/** A place in a stream: where there is no such event any more, before all that come next. */
const adoptedCursor = (s: string, s0: string, s1: string, txid: string, id: string): string => `
         ${s0} = ${s}.adopted_snapshot(a.${s0}), ${s1} = ${s}.adopted_snapshot(a.${s1}),
         ${txid} = case when a.${txid} is not null then ${s}.adopted_place(a.${txid})::text::xid8 end,
         ${id} = case when a.${txid} is null or exists (select from adopted_txid t where not t.here and t.txid = a.${txid}::text::bigint)
           then a.${id} else 0 end`;

/**
 * Stamps the events of another cluster anew, from `first` on and with less than `end`, which are transactions that are over here;
 * and rewrites the cursors of all groups to match: each has passed what it had passed there, and nothing that was published here.
 *
 * - Their order stays. Where there are too few transactions, neighbours share one that no cursor tells apart, and stand in the
 *   order of their ids.
 * - Batches of processes are lost, as a process that goes on with one knows cursors of the other cluster. Those of clients stay open.
 */
export const adoptStreams = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.adopt_streams(_first bigint, _end bigint) returns void
language plpgsql as $fn$
declare
  _bounds bigint[]; _classes bigint; _room bigint := _end - _first; _top bigint; _l record;
begin
  create temporary table adopted_lease on commit drop as
    select l.queue_id, l.lane, l.n, l.s0, l.s1, l.pos_txid, l.pos_job, l.from_s0, l.from_s1, l.from_txid, l.from_job
      from ${s}.lease l join ${s}.queue q on q.queue_id = l.queue_id and q.kind = 'g'
     where l.lane between ${STREAM_LANE} and ${NO_KEY_LANE} and (${isOpen(s)}
       or l.n = (select x.n from ${s}.lease x where x.queue_id = l.queue_id and x.lane = l.lane order by x.n desc limit 1));
  -- where cursors tell one transaction from the one before
  _bounds := array(
    with seen as (
      select c.snapshot::pg_snapshot
        from adopted_lease l cross join lateral unnest(array[l.s0, l.s1, l.from_s0, l.from_s1]::text[]) c (snapshot) where c.snapshot is not null
       group by c.snapshot)
    select pg_snapshot_xmax(e.snapshot)::text::bigint from seen e
    union select x::text::bigint + d from seen e cross join lateral pg_snapshot_xip(e.snapshot) x cross join generate_series(0, 1) d
    union select p.txid::text::bigint + d from adopted_lease l cross join lateral unnest(array[l.pos_txid, l.from_txid]) p (txid)
     cross join generate_series(0, 1) d where p.txid is not null
    order by 1);
  create temporary table adopted_txid on commit drop as
    select t.txid, t.here, row_number() over (order by t.here, t.txid) - 1 as i, null::bigint as place,
           case when t.here then cardinality(_bounds) + 1 when cardinality(_bounds) = 0 then 0 else width_bucket(t.txid, _bounds) end as class
      from (${SEGMENTS.map(
        (i) =>
          `select x.txid::text::bigint as txid, ${writtenHere(`${s}.event_${i}`, 'x', 'stream_id')} as here from ${s}.event_${i} x where x.stream_id > 0`,
      ).join('\n            union ')}) t;
  select count(distinct t.class) into _classes from adopted_txid t;
  if _classes > _room then
    raise exception 'this cluster is too young to take over its streams: % transactions are over, and % are needed', _room, _classes
      using hint = 'spend some, as with select pg_current_xact_id(), each in a transaction of its own; then start again';
  end if;
  update adopted_txid t
     set place = _first + case when m.most <= _room then t.i else trunc(t.i::numeric * (_room - _classes) / m.most)::bigint + k.nth end
    from (select count(*) as most from adopted_txid) m,
         (select c.class, row_number() over (order by c.class) - 1 as nth from (select distinct y.class from adopted_txid y) c) k
   where k.class = t.class;
  create unique index on adopted_txid (here, txid);
  analyze adopted_txid;
  select coalesce(max(t.place) + 1, 1) into _top from adopted_txid t;

  ${SEGMENTS.map(
    (i) => `
  update ${s}.event_${i} x set txid = t.place::text::xid8 from adopted_txid t
   where x.stream_id > 0 and t.txid = x.txid::text::bigint and t.here = ${writtenHere(`${s}.event_${i}`, 'x', 'stream_id')};
  update ${s}.lease_${i} l set ${adoptedCursor(s, 's0', 's1', 'pos_txid', 'pos_job')},${adoptedCursor(s, 'from_s0', 'from_s1', 'from_txid', 'from_job')}
    from adopted_lease a where l.queue_id = a.queue_id and l.lane = a.lane and l.n = a.n;`,
  ).join('')}
  -- they are of the other cluster's transactions
  delete from ${s}.stream_mark;${[...SEGMENTS.flatMap((i) => [`entry_${i}`, `delayed_${i}`]), 'dead']
    .map(
      (table) => `
  update ${s}.${table} x set options = coalesce((
      select jsonb_set(x.options, '{cursor}', to_jsonb(format('/%1$s:%1$s:/%2$s/%3$s', _top, t.place, x.job_id))) from adopted_txid t
       where not t.here and t.txid = nullif(split_part(x.options->>'cursor', '/', 3), '')::bigint
         and exists (select from ${s}.event v where v.stream_id = q.stream_id and v.txid = t.place::text::xid8 and v.event_id = x.job_id)),
    x.options - 'cursor')
    from ${s}.queue q where q.queue_id = x.queue_id and q.kind = 'g' and x.options ? 'cursor';`,
    )
    .join('')}

  for _l in
    select l.queue_id, l.lane, l.n, l.result_seg, l.job_ids[1] as job_id, ${holdOf('q.settings')} as hold
      from ${s}.lease l join ${s}.queue q on q.queue_id = l.queue_id and q.kind = 'g'
     where l.lane between ${STREAM_LANE} and ${NO_KEY_LANE} and l.worker <> ${CLIENT_WORKER} and ${isOpen(s)}
     order by l.queue_id, l.lane, l.n
  loop
    ${perSegment(
      '_l.result_seg',
      (i) => `
    insert into ${s}.result_${i} (queue_id, job_id, run, state) values (_l.queue_id, _l.job_id, 1, 'l') on conflict do nothing;`,
    )}
    if _l.hold = 'nothing' then
      perform ${s}.scatter_batch(_l.queue_id, _l.lane, _l.n, 'l', '{"lost": true}');
    else
      perform ${s}.rewind_lost(_l.queue_id, _l.lane, _l.n, ${NEVER_DEAD});
    end if;
  end loop;
end
$fn$`;
