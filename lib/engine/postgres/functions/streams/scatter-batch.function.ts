import { currentSegment } from '../../rings.js';
import { perSegment, PINNED_PLAN, type SchemaNames } from '../../schema-names.js';
import { STREAM_LANE } from '../stream-lane.js';

/**
 * Ends the events of a batch that have not ended as runs of their own, as jobs of the group they go on one by one: a batch
 * whose process is gone, or that it hands back. Under the ids they have, and with their first run's results beside the
 * batch's own: whoever completes one of them late meets that.
 *
 * `state`: 'l', lost: they come to the lanes of what was lost, or are dead if nothing may be lost (`may_be_lost`); 'm',
 * handed back: to the front.
 *
 * Returns the events that go on, the dead ones, and the lanes that the former are in.
 */
export const scatterBatch = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.scatter_batch(
  _group_id int, _n bigint, _state "char", _may_be_lost boolean, out going bigint[], out gone bigint[], out lanes int[]
) language plpgsql ${PINNED_PLAN} as $fn$
declare
  _entry_seg smallint := ${currentSegment(s, 'entry')};
  _result_seg smallint; _stream_id int; _attempts smallint;
  _ids bigint[]; _txids xid8[]; _ended bigint[];
begin
  going := '{}'; gone := '{}'; lanes := '{}';
  select l.result_seg, q.stream_id, coalesce((q.settings->>'attempts')::smallint, 6::smallint) into _result_seg, _stream_id, _attempts
    from ${s}.lease l join ${s}.queue q on q.queue_id = l.queue_id
   where l.queue_id = _group_id and l.lane = ${STREAM_LANE} and l.n = _n limit 1;
  if not found then
    return;
  end if;
  select array_agg(e.id), array_agg(e.txid) into _ids, _txids
    from ${s}.batch_events(_group_id, _n) b
   cross join lateral unnest(b.ids::bigint[], case when b.txids like '{%' then b.txids::xid8[] end) e0 (id, own)
   cross join lateral (select e0.id, coalesce(e0.own, case when b.txids not like '{%' then b.txids::xid8 end) as txid) e;
  ${perSegment(
    '_result_seg',
    (i) => `
  with ended as (
    insert into ${s}.result_${i} (queue_id, job_id, run, state) select _group_id, x.id, 1, _state from unnest(_ids) x (id)
    order by x.id on conflict do nothing returning job_id
  )
  select coalesce(array_agg(e.job_id), '{}') into _ended from ended e;`,
  )}
  if _state = 'l' and not _may_be_lost then
    gone := _ended;
    insert into ${s}.dead (queue_id, job_id, run, attempt, max_attempts, lane, created_at, reason, name, payload, options, meta)
    select _group_id, v.event_id, 1, 1, _attempts, 0, v.published_at, 'stalled', v.type, v.payload, ${OPTIONS},
           jsonb_build_object('errors', jsonb_build_array(jsonb_build_object('message', 'The event stalled: its process was gone before it ended')))
      from ${fromEvents(s)} where v.event_id = any(_ended)
    on conflict do nothing;
    return;
  end if;
  going := _ended;
  ${perSegment(
    '_entry_seg',
    (i) => `
  with appended as (
    insert into ${s}.entry_${i} (queue_id, lane, job_id, created_at, run, attempt, max_attempts, name, payload, options)
    select _group_id, case _state when 'l' then ${s}.special_lane(_group_id, 'l', v.type, 0::smallint) else -1 end,
           v.event_id, v.published_at, 2, 1, _attempts, v.type, v.payload, ${OPTIONS}
      from ${fromEvents(s)} where v.event_id = any(_ended) order by p.i
    returning lane
  )
  select coalesce(array_agg(distinct a.lane), '{}') into lanes from appended a;`,
  )}
end
$fn$`;

/** An event's options as a job: what it has beside type and data. */
export const OPTIONS = `nullif(jsonb_strip_nulls(jsonb_build_object('key', v.key, 'headers', v.headers)), '{}')`;

/** The events at places, one by one by their index. */
const fromEvents = (s: string): string => `unnest(_ids, _txids) with ordinality p (id, txid, i)
     cross join lateral (select e.* from ${s}.event e
       where e.stream_id = _stream_id and e.txid = p.txid and e.event_id = p.id limit 1) v`;
