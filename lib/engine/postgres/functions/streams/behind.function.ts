import type { SchemaNames } from '../../schema-names.js';
import { REFUSE_OLD_SNAPSHOT } from '../run-locks.js';
import { holdOf, LANES_OF, slotOf } from './slots.js';
import { nextTries } from './tries.js';
import { KEPT_FOR } from './stream-retention.function.js';

/** A group that is busy for longer is looked at a minute later: ms. */
const WAITS = 1_000;
/** What is kept for less is no measure of who is late. */
const AT_LEAST = `interval '1 hour'`;
/** That a group loses events is said no more often. */
const SAID_EACH = `interval '1 hour'`;

/**
 * Moves the position of a group's lane past events that were published before a time, at most `limit`; says how many.
 *
 * - Not where the group's order counts and its position may come back to a batch that is open, or stands before an event that
 *   is tried again, or was within that time.
 */
export const dropOld = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.drop_old(_group_id int, _lane int, _before timestamptz, _limit int) returns int
language plpgsql set enable_seqscan = off as $fn$
declare
  _now pg_snapshot; _q record; _c record; _k record;
begin
  select q.stream_id, ${holdOf('q.settings')} as hold into _q from ${s}.queue q where q.queue_id = _group_id;
  -- most have nothing to lose, and are not kept waiting to find that out
  for _try in 1 .. 2 loop
    _now := pg_current_snapshot();
    select l.* into _c from ${s}.lease l where l.queue_id = _group_id and l.lane = _lane order by l.n desc limit 1;
    if _q.hold <> 'nothing' and (_c.due_until > _before or (_c.job_ids is not null and not exists (
        select from ${s}.result r where r.queue_id = _group_id and r.job_id = _c.job_ids[1] and r.run = 1))) then
      return 0;
    end if;
    _k := ${s}.skip_events(_q.stream_id, _c.s0, _c.s1, _c.pos_txid, _c.pos_job, _now, _before, case _try when 1 then 1 else _limit end, ${slotOf('_lane')});
    if _k.skipped = 0 then
      return 0;
    end if;
    -- it may be taking them just now: looked at again under its lock
    perform pg_advisory_xact_lock(${s}.lock_key('queue', _group_id::text));
  end loop;
  -- what has ended behind the position is left out still
  perform ${s}.move_cursor(_group_id, _lane, _k.s0, _k.s1, _k.pos_txid, _k.pos_id, null,
    (select jsonb_build_object('skip', t.tries->'skip') from (select ${nextTries('_c')} as tries) t where t.tries ? 'skip'));
  return _k.skipped;
end
$fn$`;

/**
 * Looks whether a group comes to take its events. Where its stream says dropAfter, it loses what is older: at most `limit`
 * events in a transaction, until there is no `more`. Returns what is to be said (`says`), and the numbers for it.
 *
 * - Far behind is who has not taken what is older than half of that, or than what is kept; caught up again, half of that.
 * - It is said once until then; that it loses events, once in an hour.
 */
export const checkGroup = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.check_group(
  _group_id int, _limit int, out stream text, out consumer_group text, out events bigint, out oldest timestamptz, out drop_after float8,
  out dropped bigint, out dropped_since bigint, out more boolean, out says text
) language plpgsql set enable_seqscan = off as $fn$
declare
  _q record; _lane int; _left int := _limit; _some int; _behind interval; _state record;
begin${REFUSE_OLD_SNAPSHOT('check_group')}
  more := false;
  perform set_config('lock_timeout', '${WAITS}', true), pg_advisory_xact_lock_shared(${s}.lock_key('guard'));
  select q.queue_id as stream_id, substr(q.name, 2) as stream, split_part(g.name, chr(31), 2) as consumer_group, ${holdOf('g.settings')} as hold,
         ${KEPT_FOR('q.settings')} as kept, (q.settings #>> '{behind,dropAfter}')::float8 as drop_after into _q
    from ${s}.queue g join ${s}.queue q on q.queue_id = g.stream_id where g.queue_id = _group_id and g.kind = 'g';
  if not found then
    return;
  end if;
  stream := _q.stream; consumer_group := _q.consumer_group; drop_after := _q.drop_after;
  if drop_after is not null then
    for _lane in select l.lane from ${LANES_OF('_q.hold')} l (lane) loop
      exit when _left <= 0;
      _some := ${s}.drop_old(_group_id, _lane, clock_timestamp() - drop_after * interval '1 millisecond', _left);
      _left := _left - _some;
    end loop;
  end if;
  insert into ${s}.stream_group (group_id) values (_group_id) on conflict do nothing;
  select g.* into _state from ${s}.stream_group g where g.group_id = _group_id for update;
  dropped := _state.dropped + _limit - _left; dropped_since := dropped - _state.reported;
  if _left < _limit then
    update ${s}.stream_group g set dropped = check_group.dropped where g.group_id = _group_id;
    more := _left <= 0;
    if more then
      return;
    end if;
  end if;

  select sum(a.events), min(a.oldest) into events, oldest from ${LANES_OF('_q.hold')} l (lane)
   cross join lateral (select x.* from ${s}.lease x where x.queue_id = _group_id and x.lane = l.lane order by x.n desc limit 1) c
   cross join lateral ${s}.after_cursor(_q.stream_id, c.s0, c.s1, c.pos_txid, c.pos_job, ${slotOf('l.lane')}) a;
  _behind := case when drop_after is null then greatest(_q.kept, ${AT_LEAST}) else drop_after / 2 * interval '1 millisecond' end;
  says := case
    when dropped_since > 0 and coalesce(_state.reported_at < clock_timestamp() - ${SAID_EACH}, true) then 'dropped'
    when oldest < clock_timestamp() - _behind and _state.reported_at is null then 'behind'
    when _state.reported_at is not null and dropped_since = 0 and coalesce(oldest > clock_timestamp() - _behind / 2, true) then 'caught up'
  end;
  if says is not null then
    update ${s}.stream_group g set reported = check_group.dropped, reported_at = case when says <> 'caught up' then clock_timestamp() end
     where g.group_id = _group_id;
  end if;
end
$fn$`;
