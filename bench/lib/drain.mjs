import { now, sleep } from './measure.mjs';

/** Tells all to start at once; when the first of them did. */
export async function startAll(workers) {
  return Math.min(...(await Promise.all(workers.map((worker) => worker.call('start')))));
}

export function ended(workers) {
  return workers.reduce((sum, worker) => sum + worker.ended, 0);
}

/** Whether it became true before the time. */
export async function waitUntil(isTrue, deadline, pause = 5) {
  while (!(await isTrue())) {
    if (now() > deadline) return false;
    await sleep(pause);
  }
  return true;
}

/**
 * Lets the workers take `jobs` jobs, until they ran and the storage says that they are finished: when it began and ended,
 * and whether that was before the limit.
 */
export async function drain(environment, workers, jobs) {
  const from = await startAll(workers);
  const deadline = from + environment.limit;
  let to = deadline;
  const isDone =
    (await waitUntil(() => ended(workers) >= jobs, deadline)) &&
    (await waitUntil(() => {
      to = now();
      return environment.observer.isDone(jobs);
    }, deadline));
  const { records, audit } = await collect(workers, isDone ? jobs : undefined);
  return { from, to: isDone ? to : deadline, isDone, records, audit };
}

/** The workers' records as one, in the order of time, and how many jobs were lost (if all should have run) or repeated. */
export async function collect(workers, jobs) {
  const all = await Promise.all(workers.map((worker) => worker.call('records')));
  const at = all.flatMap((one) => Array.from(one.at));
  const waited = all.flatMap((one) => Array.from(one.waited));
  const order = Uint32Array.from(at.keys()).toSorted((a, b) => at[a] - at[b]);
  const records = { at: Float64Array.from(order, (i) => at[i]), waited: Float64Array.from(order, (i) => waited[i]) };
  const seen = all.map((one) => one.seen);
  return { records, seen, audit: countWrong(seen, jobs) };
}

/** From how often each process saw each job. */
export function countWrong(seen, jobs) {
  let repeated = 0;
  let lost = 0;
  const most = Math.max(jobs ?? 0, ...seen.map(({ length }) => length));
  for (let n = 0; n < most; n++) {
    let times = 0;
    for (const one of seen) times += one[n] ?? 0;
    if (times > 1) repeated += times - 1;
    if (times === 0 && n < jobs) lost++;
  }
  return { lost, repeated };
}

/** Jobs per second that began between two instants. */
export function rateBetween({ at }, from, to) {
  let count = 0;
  for (const instant of at) if (instant >= from && instant < to) count++;
  return (count / (to - from)) * 1_000;
}
