import type { SchemaNames } from '../schema-names.js';

/** The processes that work on the queues: when each was heard of, what it has in hand, how it wakes up, what it handles. */
export const processStats = ({ schema: s }: SchemaNames): string[] => [
  `drop view if exists ${s}.process_stats`,
  `create view ${s}.process_stats as
select w.worker, w.host, w.pid, w.started_at, p.at as last_seen, coalesce(p.in_flight, 0) as in_flight,
       case when p.listening then 'listen' else 'poll' end as wake_up, w.handles, w.dead
  from ${s}.worker w
  left join lateral (select x.at, x.in_flight, x.listening from ${s}.pulse x where x.worker = w.worker order by x.n desc limit 1) p on true`,
];
