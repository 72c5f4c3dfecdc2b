import { holdOf } from './streams/slots.js';
import { eventOptions } from './streams/scatter-batch.function.js';
import { PACK_SEPARATOR_SQL, perSegment, PINNED_PLAN, SEGMENTS, type SchemaNames } from '../schema-names.js';

/** What its process knows nothing of is nobody's fault. */
const NEVER_DEAD = 1_000_000;

const CARRIED = 'queue_id, lane, job_id, created_at, run, attempt, max_attempts, lost, name, payload, options, meta';

/** The batch as rows. A run whose lease does not stand has no segment, and so no row is made of it. */
const BATCH = `unnest(_job_ids::bigint[], _runs::int[], _leases::int[], _states::text[], _ran::int[],
                string_to_array(_outputs, ${PACK_SEPARATOR_SQL}, '')) j (job_id, run, lease, state, ran_ms, output)`;

/** Ends runs in one segment of results: the one their lease names, which their claim chose. */
const endInSegment = (s: string, segment: number, onConflict: string): string => `
      insert into ${s}.result_${segment} (queue_id, job_id, run, state, ran_ms, output)
      select _queue_id, j.job_id, j.run, coalesce(j.state, 'c')::"char", j.ran_ms, j.output
        from ${BATCH}
       where _segs[j.lease] = ${segment}
       order by j.job_id, j.run${onConflict}`;

/**
 * Ends runs, in one statement for a batch: an appended result each, and what follows from it.
 *
 * - Fenced: only while the lease stands (this worker's, by lane, n and claim) and the run has no result. After a failover
 *   that lost the newest leases a lane counts the same n again; a worker never counts the same claim again.
 * - Sorted by (job_id, run), or two batches could deadlock; with a short lock_timeout.
 * - Strict: a run that has ended already fails the whole batch with a unique violation. Not strict, for a batch that did
 *   or whose answer was lost: ended runs are left out, and nothing follows twice. ON CONFLICT costs each row a second
 *   WAL record and half its time again, for what almost never happens.
 *
 * Parallel arrays as text: `job_ids`, `runs`, `leases` (the position in `lanes` and `ns`), `ran` (ms), `states` (null
 * entries: completed), `outputs` (packed; null: none has one). `next` is a JSON object that says by "job:run" what follows
 * for those that do not simply complete: delay (ms; the next run is delayed), to ('home', 'front', 'name'; it is
 * appended), reason (the job is dead); charge (0 or 1 attempts), error, ran.
 *
 * Returns what was not accepted: the state that stands, or null when the lease does not.
 */
export const finish = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.finish(
  _queue_id int, _worker uuid, _lanes text, _ns text,
  _job_ids text, _runs text, _leases text, _ran text, _states text, _outputs text, _next text, _strict boolean,
  _claims text default null
) returns table (job_id text, run int, state text)
language plpgsql ${PINNED_PLAN} as $fn$
#variable_conflict use_column
declare
  _segs smallint[];
  _ended bigint[] := '{}'; _ended_runs int[] := '{}';
begin
  perform set_config('lock_timeout', '1000', true);
  perform pg_advisory_xact_lock_shared(${s}.lock_key('guard'));
  select array_agg(l.result_seg order by u.i) into _segs
    from unnest(_lanes::int[], _ns::bigint[]) with ordinality u (lane, n, i)
    left join lateral (select x.result_seg from ${s}.lease x
      where x.queue_id = _queue_id and x.lane = u.lane and x.n = u.n and x.worker = _worker
        and (_claims is null or x.claim_no = (_claims::bigint[])[u.i]) limit 1) l on true;
  if _strict then${SEGMENTS.map(
    (segment) => `
    if ${segment} = any(_segs) then${endInSegment(s, segment, '')};
    end if;`,
  ).join('')}
    if _next is not null or array_position(_segs, null) is not null then
      select coalesce(array_agg(j.job_id), '{}'), coalesce(array_agg(j.run), '{}') into _ended, _ended_runs
        from ${BATCH} where _segs[j.lease] is not null;
    end if;
  else${SEGMENTS.map(
    (segment) => `
    if ${segment} = any(_segs) then
      with ended as (${endInSegment(s, segment, '\n      on conflict do nothing returning job_id, run')}
      )
      select _ended || coalesce(array_agg(e.job_id), '{}'), _ended_runs || coalesce(array_agg(e.run), '{}')
        into _ended, _ended_runs from ended e;
    end if;`,
  ).join('')}
  end if;

  if _next is not null and cardinality(_ended) > 0 then
    perform ${s}.follow(_queue_id, _ended, _ended_runs, _next::jsonb);
  end if;
  if not _strict or array_position(_segs, null) is not null then
    return query
      select j.job_id::text, j.run, (select r.state::text from ${s}.result r
               where _segs[j.lease] is not null and r.queue_id = _queue_id and r.job_id = j.job_id and r.run = j.run limit 1)
        from unnest(_job_ids::bigint[], _runs::int[], _leases::int[]) j (job_id, run, lease)
       where not exists (select from unnest(_ended, _ended_runs) e (job_id, run) where e.job_id = j.job_id and e.run = j.run);
  end if;
end
$fn$`;

/**
 * What follows from runs that ended without completing: the next run, delayed or appended, or the dead letter. Of a batch (its
 * lease's number is in `batch`) it follows for each of its events, or the position moves back into it (`rewind`).
 */
export const follow = ({ schema: s, channel }: SchemaNames): string => `
create or replace function ${s}.follow(_queue_id int, _ended bigint[], _ended_runs int[], _next jsonb) returns void
language plpgsql ${PINNED_PLAN} as $fn$
declare
  _segment smallint;
  _lanes int[];
  _batch record;
begin
  for _batch in
    select d.job_id, d.run, x.how from unnest(_ended, _ended_runs) d (job_id, run)
     cross join lateral (select _next->(d.job_id || ':' || d.run) as how) x where x.how ? 'batch'
  loop
    if _batch.how ? 'rewind' then
      perform ${s}.rewind_batch(_queue_id, (_batch.how->>'lane')::int, (_batch.how->>'batch')::bigint, _batch.how #>> '{rewind,after}',
        (_batch.how #>> '{rewind,delay}')::float8, nullif(_batch.how #> '{rewind,tries}', 'null'));
      continue;
    elsif _batch.how ? 'to' and exists (select from ${s}.queue q where q.queue_id = _queue_id and ${holdOf('q.settings')} <> 'nothing') then
      perform ${s}.rewind_lost(_queue_id, (_batch.how->>'lane')::int, (_batch.how->>'batch')::bigint, ${NEVER_DEAD});
      continue;
    end if;
    select b.lanes into _lanes from ${s}.scatter_batch(_queue_id, (_batch.how->>'lane')::int, (_batch.how->>'batch')::bigint,
      (select r.state from ${s}.result r where r.queue_id = _queue_id and r.job_id = _batch.job_id and r.run = _batch.run limit 1), _batch.how) b;
    perform pg_notify('${channel.replaceAll("'", "''")}', _queue_id || ':' || l) from unnest(_lanes) l;
  end loop;
  if _next @? '$.*.key' then
    _next := ${s}.follow_keys(_queue_id, _ended, _ended_runs, _next);
  end if;
  if exists (select from jsonb_each(_next) x where x.value->'delay' is not null) then
    select r.current into _segment from ${s}.ring r where r.ring = 'delayed';
    ${perSegment(
      '_segment',
      (i) => `
    insert into ${s}.delayed_${i} (${CARRIED}, run_at)
    select n.queue_id, n.lane, n.job_id, n.created_at, n.run, n.attempt, n.max_attempts, n.lost, n.name, n.payload, n.options, n.meta,
           case when n.how ? 'parked' then 'infinity' else clock_timestamp() + (n.how->>'delay')::float8 * interval '1 millisecond' end
      from ${s}.next_runs(_queue_id, _ended, _ended_runs, _next, 'delay') n;`,
    )}
  end if;
  if exists (select from jsonb_each(_next) x where x.value->'to' is not null) then
    select r.current into _segment from ${s}.ring r where r.ring = 'entry';
    ${perSegment(
      '_segment',
      (i) => `
    with appended as (
      insert into ${s}.entry_${i} (${CARRIED})
      select n.queue_id, n.lane, n.job_id, n.created_at, n.run, n.attempt, n.max_attempts, n.lost, n.name, n.payload, n.options, n.meta
        from ${s}.next_runs(_queue_id, _ended, _ended_runs, _next, 'to') n
      returning lane
    )
    select array_agg(distinct a.lane) into _lanes from appended a;`,
    )}
    perform pg_notify('${channel.replaceAll("'", "''")}', _queue_id || ':' || l) from unnest(_lanes) l;
  end if;
  if exists (select from jsonb_each(_next) x where x.value->'reason' is not null) then
    insert into ${s}.dead (queue_id, job_id, run, attempt, max_attempts, lost, lane, created_at, ran_ms, reason, name, payload, options, meta)
    select n.queue_id, n.job_id, n.run - 1, n.attempt, n.max_attempts, n.lost, n.lane, n.created_at,
           (n.how->>'ran')::int, n.how->>'reason', n.name, n.payload, n.options, n.meta
      from ${s}.next_runs(_queue_id, _ended, _ended_runs, _next, 'reason') n
    on conflict do nothing;
  end if;
end
$fn$`;

/**
 * The runs that follow in one way ('delay', 'to' or 'reason'), made of the ones that ended; earlier errors travel in `meta`.
 * The first run of an event of a batch has no entry: `event` says where it stands (stream, txid), and its attempts.
 */
export const nextRuns = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.next_runs(_queue_id int, _ended bigint[], _ended_runs int[], _next jsonb, _way text) returns table (
  queue_id int, lane int, job_id bigint, created_at timestamptz, run int, attempt smallint, max_attempts smallint,
  lost smallint, name text, payload text, options jsonb, meta jsonb, how jsonb
) language plpgsql ${PINNED_PLAN} as $fn$
#variable_conflict use_column
begin
  return query
  select e.queue_id,
         case x.how->>'to'
           when 'front' then -1 - ${s}.home_lane(e.lane)
           when 'name' then case
             -- these are their name's own already, and what was lost is not to be taken for what was not
             when exists (select from ${s}.lane l where l.queue_id = _queue_id and l.lane = ${s}.home_lane(e.lane) and l.kind in ('l', 's'))
             then -1 - ${s}.home_lane(e.lane)
             else ${s}.name_lane(_queue_id, e.name, coalesce((e.options->>'priority')::smallint, 0::smallint)) end
           else ${s}.line_of(_queue_id, e.name, e.options) end,
         e.job_id, e.created_at, e.run + 1, (e.attempt + coalesce((x.how->>'charge')::int, 0))::smallint,
         e.max_attempts, e.lost, e.name, e.payload, e.options,
         case when x.how->'error' is null then e.meta
              else jsonb_set(coalesce(e.meta, '{}'), '{errors}', coalesce(e.meta->'errors', '[]') || (x.how->'error')) end,
         x.how
    from unnest(_ended, _ended_runs) d (job_id, run)
   cross join lateral (select _next->(d.job_id || ':' || d.run) as how) x
   cross join lateral (
     (select f.txid, f.queue_id, f.lane, f.job_id, f.created_at, f.run, f.attempt, f.max_attempts, f.lost, f.name, f.payload, f.options, f.meta
        from ${s}.entry f where f.queue_id = _queue_id and f.job_id = d.job_id and f.run = d.run limit 1)
     union all
     (select v.txid, _queue_id, 0, v.event_id, v.published_at, ${s}.next_event_run(_queue_id, v.event_id) - 1, (x.how->'event'->>'attempt')::smallint, (x.how->'event'->>'attempts')::smallint, 0::smallint, v.type, v.payload, ${eventOptions('v', `x.how->'event'->>'cursor'`)},
             case when jsonb_array_length(x.how->'event'->'errors') > 0 then jsonb_build_object('errors', x.how->'event'->'errors') end
        from ${s}.event v
       where v.stream_id = (x.how->'event'->>'stream')::int and v.txid = (x.how->'event'->>'txid')::xid8 and v.event_id = d.job_id limit 1)
     limit 1) e
   where x.how->_way is not null
   order by e.txid, e.job_id;
end
$fn$`;

/**
 * What ends of runs mean for their keys, in a group that holds keys (`key`: what becomes of it: hold, park, release; and its name):
 * an event that is retried holds its key, the next ones of it are parked, and one that has ended lets the next one go.
 * Returns `next` with what becomes of those that were to be parked.
 */
export const followKeys = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.follow_keys(_queue_id int, _ended bigint[], _ended_runs int[], _next jsonb) returns jsonb
language plpgsql as $fn$
declare
  _d record;
begin
  for _d in
    select d.job_id, d.job_id || ':' || d.run as id, x.how->'key' as key from unnest(_ended, _ended_runs) with ordinality d (job_id, run, i)
     cross join lateral (select _next->(d.job_id || ':' || d.run) as how) x where x.how ? 'key' order by d.i
  loop
    if _d.key ? 'hold' then
      insert into ${s}.held_key (group_id, key, event_id) values (_queue_id, _d.key->>'hold', _d.job_id) on conflict (group_id, key) do nothing;
    elsif _d.key ? 'release' then
      perform ${s}.release_key(_queue_id, _d.key->>'release', _d.job_id);
    elsif ${s}.park_event(_queue_id, _d.key->>'park', _d.job_id) then
      _next := jsonb_set(_next, array[_d.id], (_next->_d.id) || '{"delay": 0, "parked": true}');
    else
      _next := jsonb_set(_next, array[_d.id], (_next->_d.id) || '{"to": "home"}');
    end if;
  end loop;
  return _next;
end
$fn$`;
