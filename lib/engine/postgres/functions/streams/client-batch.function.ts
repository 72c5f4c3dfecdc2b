import { PACK_SEPARATOR_SQL, PINNED_PLAN, type SchemaNames } from '../../schema-names.js';
import { CLIENT_LANE } from './client-lane.js';

/** The columns of a row of client_batch() and receive_batch(), as receive_batch() returns them. */
export const CLIENT_BATCH_COLUMNS =
  'claim_no text, at_s0 text, at_s1 text, ids text, txids text, published text, types text, keys text, headers text, payloads text, attempts text, cursors text, nacked text';

/** The batch that a group has handed out to clients last, and whether it is open; none when it never has. */
export const clientHead = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.client_head(_group_id int) returns table (
  n bigint, claim_no bigint, result_seg smallint, stream_lane int, stream_n bigint, job_ids bigint[], runs int[], open boolean
) language sql stable ${PINNED_PLAN} as $fn$
select l.n, l.claim_no, l.result_seg, l.from_job::int, l.pos_job, l.job_ids, l.runs,
       not exists (select from ${s}.result r where r.queue_id = _group_id and r.job_id = l.job_ids[1] and r.run = 1)
  -- of one that has ended, reclaiming keeps the number only
  from (select x.* from ${s}.lease x
    where x.queue_id = _group_id and x.lane = ${CLIENT_LANE} and x.job_ids is not null order by x.n desc limit 1) l
$fn$`;

/**
 * The events of a group's open batch, packed as read_events() packs them: as they were handed out, those of a batch of the stream
 * with the ids of what was nacked since; those that come again without, each with its attempt and its cursor. One row at least.
 */
export const clientBatch = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.client_batch(_group_id int) returns table (${CLIENT_BATCH_COLUMNS})
language plpgsql ${PINNED_PLAN} as $fn$
#variable_conflict use_column
declare
  _h record;
begin
  select * into _h from ${s}.client_head(_group_id);
  if _h.stream_n is not null then
    return query
      select _h.claim_no::text, b.at_s0::text, b.at_s1::text, b.ids, b.txids, b.published, b.types, b.keys, b.headers, b.payloads, null::text, null::text,
             (select array_agg(r.job_id)::text from unnest(b.ids::bigint[]) e (id)
               cross join lateral (select x.job_id from ${s}.result x
                 where x.queue_id = _group_id and x.job_id = e.id and x.output = _h.claim_no::text limit 1) r)
        from ${s}.batch_events(_group_id, _h.stream_lane, _h.stream_n) b;
  else
    return query
      select _h.claim_no::text, null::text, '1:1:', array_agg(e.job_id order by j.i)::text, '0',
             array_agg(floor(date_part('epoch', e.created_at) * 1000)::bigint order by j.i)::text,
             string_agg(e.name, ${PACK_SEPARATOR_SQL} order by j.i),
             case when count(e.options->>'key') > 0 then string_agg(coalesce(e.options->>'key', ''), ${PACK_SEPARATOR_SQL} order by j.i) end,
             case when count(e.options->'headers') > 0 then string_agg(coalesce((e.options->'headers')::text, ''), ${PACK_SEPARATOR_SQL} order by j.i) end,
             string_agg(e.payload, ${PACK_SEPARATOR_SQL} order by j.i), array_agg(e.attempt order by j.i)::text,
             string_agg(coalesce(e.options->>'cursor', ''), ${PACK_SEPARATOR_SQL} order by j.i), null::text
        from unnest(_h.job_ids[2:], _h.runs[2:]) with ordinality j (job_id, run, i)
       cross join lateral (select x.* from ${s}.entry x
         where x.queue_id = _group_id and x.job_id = j.job_id and x.run = j.run limit 1) e
       where not exists (select from ${s}.result r where r.queue_id = _group_id and r.job_id = j.job_id and r.run = j.run);
  end if;
end
$fn$`;

/** Whether an event is in a batch of a group's stream, by where it stands. */
export const inBatch = (
  s: string,
  lane: string,
  n: string,
  txid: string,
  id: string,
): string => `exists (select from ${s}.lease l
   where l.queue_id = _group_id and l.lane = ${lane} and l.n = ${n}
     and ${s}.cursor_has_passed(l.s0, l.s1, l.pos_txid, l.pos_job, ${txid}, ${id})
     and not ${s}.cursor_has_passed(l.from_s0, l.from_s1, l.from_txid, l.from_job, ${txid}, ${id}))`;
