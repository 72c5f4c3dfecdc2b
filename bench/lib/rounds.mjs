import { collect, countWrong, ended, startAll, waitUntil } from './drain.mjs';
import { median, outOf } from './measure.mjs';

/**
 * How fast `jobs` jobs are taken: the median of some rounds, each by a new worker process, from the first job's start to
 * the last one's. `before()` puts the jobs there.
 */
export async function takingRate(environment, { jobs, rounds, before }) {
  const rates = [];
  const seen = [];
  for (let round = 0; round < rounds; round++) {
    await before?.();
    const worker = await environment.role('worker', { stopAfter: jobs });
    const from = await startAll([worker]);
    const isDone = await waitUntil(() => ended([worker]) >= jobs, from + environment.limit);
    // gracefully, so that what it holds is done or handed back, and then counted
    await worker.call('close');
    const { records, seen: mine } = await collect([worker]);
    await worker.kill();
    seen.push(...mine);
    const taken = Math.min(jobs, records.at.length);
    rates.push(((taken - 1) / (records.at[taken - 1] - records.at[0])) * 1_000);
    if (!isDone) return { rate: rates.at(-1), isDone, ended: outOf(taken, jobs), seen };
  }
  return { rate: median(rates), isDone: true, seen, jobs: rounds * jobs };
}

/** Of two rates that were taken one after the other: nothing is lost of what was there alone, and nothing runs twice at all. */
export function auditOf(alone, crowded) {
  const { lost } = countWrong(alone.seen, alone.jobs);
  const { repeated } = countWrong(crowded === alone ? alone.seen : [...alone.seen, ...crowded.seen]);
  return { lost, repeated };
}
