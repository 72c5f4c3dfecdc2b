import { PACK_SEPARATOR_SQL, PINNED_PLAN, type SchemaNames } from '../schema-names.js';

/**
 * The leases that one claim of one worker made, in claim()'s form, for a claim whose answer was lost. Rare: it reads
 * the queue's leases without an index of its own, which every claim would have to pay for.
 */
export const claimed = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.claimed(_queue_id int, _worker uuid, _claim_no bigint) returns table (
  lane int, n bigint, result_seg smallint, job_ids text, runs text, attempts text, max_attempts text, created text,
  names text, options text, meta text, payloads text, status text
) language sql stable ${PINNED_PLAN} as $fn$
select l.lane, l.n, l.result_seg, t.job_ids, t.runs, t.attempts, t.max_attempts, t.created, t.names, t.options, t.meta, t.payloads, null
  from ${s}.lease l,
  lateral (
    select array_agg(e.job_id order by j.i)::text as job_ids, array_agg(e.run order by j.i)::text as runs,
           array_agg(e.attempt order by j.i)::text as attempts, array_agg(e.max_attempts order by j.i)::text as max_attempts,
           array_agg(floor(date_part('epoch', e.created_at) * 1000)::bigint order by j.i)::text as created,
           json_agg(e.name order by j.i)::text as names,
           case when count(e.options) > 0 then json_agg(e.options order by j.i)::text end as options,
           case when count(e.meta) > 0 then json_agg(e.meta order by j.i)::text end as meta,
           string_agg(e.payload, ${PACK_SEPARATOR_SQL} order by j.i) as payloads
      from unnest(l.job_ids, l.runs) with ordinality j (job_id, run, i)
     cross join lateral (select f.* from ${s}.entry f
       where f.queue_id = _queue_id and f.job_id = j.job_id and f.run = coalesce(j.run, 1) limit 1) e
  ) t
 where l.queue_id = _queue_id and l.worker = _worker and l.claim_no = _claim_no and cardinality(l.job_ids) > 0
   -- all it took may have ended meanwhile, and been reclaimed
   and t.job_ids is not null
 order by l.at, l.lane
$fn$`;

/**
 * What a claim says beside its leases: the database's time, the transactions it did not see, lanes with more, lanes left to whoever
 * has room for their names, lanes of suspects that it would have served or did, and the names of lost runs that wait for a place.
 */
export const claimStatus = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.claim_status(
  _queue_id int, _at timestamptz, _now pg_snapshot, _open int[], _parked int[], _suspects int[], _lost text[]
) returns text
language plpgsql stable as $fn$
declare
  _running text := '[]';
begin
  if pg_snapshot_xmin(_now) < pg_snapshot_xmax(_now) then
    select coalesce(json_agg(x::text), '[]') into _running from pg_snapshot_xip(_now) x;
  end if;
  -- xmin and xmax: what the release before reads in place of what is running
  return format('{"at":%s,"xmin":"%s","xmax":"%s","running":%s,"open":%s,"parked":%s,"suspects":%s,"lost":%s}',
    date_part('epoch', _at) * 1000, pg_snapshot_xmin(_now), pg_snapshot_xmax(_now), _running,
    coalesce(array_to_json(_open)::text, 'null'), array_to_json(_parked), array_to_json(_suspects), array_to_json(_lost));
end
$fn$`;
