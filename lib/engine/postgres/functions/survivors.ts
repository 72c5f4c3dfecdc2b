import { DELAYED_LANE } from './delayed-lane.js';
import { nextTries } from './streams/tries.js';

/** Mostly nothing was drained; and a function that is called for each of a million rows that wait takes ten seconds. */
const discarded = (s: string, of: string): string =>
  `((select exists (select from ${s}.drained)) and ${s}.discarded(${of}))`;

/** What is left of a group that was removed goes. */
const known = (s: string, row: string): string =>
  `exists (select from ${s}.queue q where q.queue_id = ${row}.queue_id)`;

/**
 * What of a segment is still needed, by ring: a query over `%1$s`, the segment's table, with its columns in their order.
 * What is computed while the log goes on may be finished a moment later: then it is copied in vain, and no harm done.
 */
export const SURVIVORS: Readonly<Record<string, (s: string) => string>> = {
  // entries without a result, but for those that were drained; and completed jobs that are kept. What was drained after it
  // had been promoted stays beside its delayed row, which says nothing of that and would look as if it were still to come
  entry: (s) => `
    select e.* from %1$s e
      left join ${s}.result r on r.queue_id = e.queue_id and r.job_id = e.job_id and r.run = e.run
      left join ${s}.kept_jobs() k on k.queue_id = e.queue_id
     where e.queue_id > 0 and ${known(s, 'e')} and case when r.job_id is null then not ${discarded(s, 'e.queue_id, e.lane, e.txid, e.job_id')}
         or exists (select from ${s}.delayed d where d.queue_id = e.queue_id and d.job_id = e.job_id and d.run = e.run)
       else r.state = 'c' and r.finished_at > k.since and e.job_id >= k.from_job end`,
  // what was not promoted, ended or drained
  delayed: (s) => `
    select d.* from %1$s d
      left join ${s}.result r on r.queue_id = d.queue_id and r.job_id = d.job_id and r.run = d.run
      left join (${s}.queue q cross join lateral (select l.s1, l.due_until, l.pos_txid, l.pos_job from ${s}.lease l
        where l.queue_id = q.queue_id and l.lane = ${DELAYED_LANE} order by l.n desc limit 1) c) on q.queue_id = d.queue_id
     where d.queue_id > 0 and ${known(s, 'd')} and r.job_id is null
       and not coalesce(pg_visible_in_snapshot(d.txid, c.s1) and (d.run_at, d.txid, d.job_id) <= (c.due_until, c.pos_txid, c.pos_job), false)
       and not ${discarded(s, `d.queue_id, ${DELAYED_LANE}, d.txid, d.job_id`)}`,
  // leases with a run that has not ended; and the newest of each lane, of which only the cursor is needed then
  lease: (s) => `
    select l.queue_id, l.lane, l.n, case when o.n is not null then l.worker end, case when o.n is not null then l.claim_no end, l.at,
           l.pos_txid, l.pos_job, l.s0, l.s1, l.due_until, case when o.n is not null then l.result_seg end,
           case when o.n is not null then l.job_ids end, case when o.n is not null then l.runs end,
           case when o.n is not null then l.from_s0 end, case when o.n is not null then l.from_s1 end,
           case when o.n is not null then l.from_txid end, case when o.n is not null then l.from_job end,
           case when o.n is not null then l.events end, case when o.n is not null then l.tries else ${nextTries('l')} end
      from %1$s l
      left join (select distinct x.queue_id, x.lane, x.n from %1$s x cross join lateral unnest(x.job_ids, x.runs) j (job_id, run)
        left join ${s}.result r on r.queue_id = x.queue_id and r.job_id = j.job_id and r.run = coalesce(j.run, 1)
       where r.job_id is null) o on o.queue_id = l.queue_id and o.lane = l.lane and o.n = l.n
      left join (select x.queue_id, x.lane, max(x.n) as n from ${s}.lease x group by 1, 2) m
        on m.queue_id = l.queue_id and m.lane = l.lane and m.n = l.n
     where l.queue_id > 0 and ${known(s, 'l')} and (o.n is not null or m.n is not null)`,
  // results of runs that are still there: without their results they would look as if they had not ended
  result: (s) => `
    select r.* from %1$s r
     where r.queue_id > 0 and ${known(s, 'r')}
       and (exists (select from ${s}.entry e where e.queue_id = r.queue_id and e.job_id = r.job_id and e.run = r.run)
         or exists (select from ${s}.delayed d where d.queue_id = r.queue_id and d.job_id = r.job_id and d.run = r.run))`,
  // the newest generation of a key, while its job lives. `offset 0`: the function is asked for what is left, not for every use
  unique_key: (s) => `
    select k.* from (
      select k.* from %1$s k
       where k.queue_id > 0 and not exists (select from ${s}.unique_key x
           where x.queue_id = k.queue_id and x.key = k.key and x.generation > k.generation)
         and not exists (select from ${s}.result r where r.queue_id = k.queue_id and r.job_id = k.job_id and r.state = 'c')
      offset 0) k
     where ${s}.job_is_alive(k.queue_id, k.job_id)`,
  // the newest generation of an id, while its job is known
  custom_id: (s) => `
    select k.* from (
      select k.* from %1$s k
       where k.queue_id > 0 and not exists (select from ${s}.custom_id x
           where x.queue_id = k.queue_id and x.id = k.id and x.generation > k.generation)
      offset 0) k
     where ${s}.job_record(k.queue_id, k.job_id) is not null`,
  // events that some group has not passed, or that are kept; by the transaction that published them
  event: (s) => `
    with g as materialized (select * from ${s}.stream_gone())
    select v.* from %1$s v join g on g.stream_id = v.stream_id
     where v.stream_id > 0 and not pg_visible_in_snapshot(v.txid, g.gone)`,
  // whoever lives gives another sign within seconds
  pulse: () => `select p.* from %1$s p where false`,
};
