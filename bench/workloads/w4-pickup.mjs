import { collect, ended, startAll, waitUntil } from '../lib/drain.mjs';
import { now, outOf, percentiles, sleep } from '../lib/measure.mjs';
import { both } from './profiles.mjs';

export default {
  title: 'W4: idle pickup',
  about:
    'From `add()` in one process to the handler in another: each job is added 5 to 20 ms after the one before has run, ' +
    'so that the worker is idle. The first tenth does not count.',
  repeats: true,
  variants: { '': {} },
  profiles: both,
  sizes: { full: { jobs: 300 }, quick: { jobs: 40 } },

  async run(environment, { jobs }) {
    const [worker] = await environment.workers(1);
    const producer = await environment.role('producer');
    await startAll([worker]);
    await sleep(500);
    const deadline = now() + environment.limit;
    let added = 0;
    const { result: isDone, usage } = await environment.measure(async () => {
      while (added < jobs) {
        await producer.call('addOne');
        added++;
        if (!(await waitUntil(() => ended([worker]) >= added, deadline))) return false;
        await sleep(5 + Math.random() * 15);
      }
      return true;
    });
    const { records, audit } = await collect([worker], isDone ? added : undefined);
    return {
      figures: percentiles(records.waited.slice(Math.floor(records.waited.length / 10))),
      usage,
      isDone,
      ended: outOf(records.at.length, jobs),
      audit,
    };
  },

  columns: ['p50', 'p95', 'p99', 'max'].map((figure) => ({
    variant: '',
    figure,
    title: figure,
    as: 'ms',
    isRate: true,
  })),
};
