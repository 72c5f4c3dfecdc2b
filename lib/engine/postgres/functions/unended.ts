/**
 * Whether no result ends the run of a row `j`, taken out of a lease `l`. Asked for each row by an index: as a join, which
 * NOT EXISTS would become, it compares each run with all results wherever the statistics are of a time without any.
 */
export const unended = (s: string): string =>
  `coalesce((select false from ${s}.result r
     where r.queue_id = l.queue_id and r.job_id = j.job_id and r.run = coalesce(j.run, 1) limit 1), true)`;
