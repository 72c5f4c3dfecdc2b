import { collect, ended, startAll, waitUntil } from './drain.mjs';
import { median, outOf } from './measure.mjs';

/**
 * How fast `jobs` jobs are taken: the median of some rounds, each by a new worker process, from the first job's start to
 * the last one's. `before(round)` puts the jobs there.
 */
export async function takingRate(environment, { jobs, rounds, before }) {
  const rates = [];
  const audits = [];
  for (let round = 0; round < rounds; round++) {
    await before(round);
    const worker = await environment.role('worker', { stopAfter: jobs });
    const from = await startAll([worker]);
    const isDone = await waitUntil(() => ended([worker]) >= jobs, from + environment.limit);
    const { records, audit } = await collect([worker]);
    // gracefully, so that what it holds is done or handed back
    await worker.close();
    const taken = Math.min(jobs, records.at.length);
    rates.push(((taken - 1) / (records.at[taken - 1] - records.at[0])) * 1_000);
    audits.push(audit);
    if (!isDone) return { rate: rates.at(-1), isDone, ended: outOf(taken, jobs), audit };
  }
  return { rate: median(rates), isDone: true, audit: audits.find(({ repeated }) => repeated > 0) ?? audits[0] };
}
