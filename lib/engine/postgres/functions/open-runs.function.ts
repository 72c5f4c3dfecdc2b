import { PINNED_PLAN, type SchemaNames } from '../schema-names.js';
import { unended } from './unended.js';

/**
 * The runs that a worker was handed some seconds ago and that have not ended, with the leases they are held under: for the
 * worker itself, which may not know of one, or may have ended it in a result that a failover has lost. Reads all leases: rare.
 */
export const openRuns = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.open_runs(_worker uuid, _older_than interval) returns table (
  queue_id int, lane int, n bigint, claim_no bigint, job_id bigint, run int, is_batch boolean
) language sql stable ${PINNED_PLAN} as $fn$
select l.queue_id, l.lane, l.n, l.claim_no, j.job_id, coalesce(j.run, 1), l.from_s1 is not null
  from ${s}.lease l cross join lateral unnest(l.job_ids, l.runs) j (job_id, run)
 where l.worker = _worker and l.queue_id > 0 and l.at < clock_timestamp() - _older_than
   and ${unended(s)}
   and (l.from_s1 is not null
     or (select true from ${s}.entry e where e.queue_id = l.queue_id and e.job_id = j.job_id and e.run = coalesce(j.run, 1) limit 1))
$fn$`;
