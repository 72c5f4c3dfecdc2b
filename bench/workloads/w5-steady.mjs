import { collect, ended, startAll, waitUntil } from '../lib/drain.mjs';
import { now, outOf, percentiles, sleep } from '../lib/measure.mjs';
import { storage } from '../lib/storage.mjs';
import { best } from './profiles.mjs';

const RATE = 500;
const PATIENCE = 10_000;

export default {
  title: 'W5: a steady rate',
  about:
    `${RATE} jobs/s, added one by one by one process and run by another: from \`add()\` to the handler; CPU of the Node ` +
    'processes and of the server; bytes of WAL (of the append-only file for Redis); dead rows, as the statistics count ' +
    'them, and size at the end. The first five seconds do not count.',
  repeats: false,
  variants: { '': {} },
  profiles: best,
  sizes: { full: { seconds: 60, warmUp: 5 }, quick: { seconds: 3, warmUp: 1 } },

  async run(environment, { seconds, warmUp }) {
    const [worker] = await environment.workers(1);
    const producer = await environment.role('producer');
    await startAll([worker]);
    // what is compiled in the first second would be the slowest hundredth of a minute
    const { added: before } = await producer.call('addAtRate', { rate: RATE, seconds: warmUp });
    await waitUntil(() => ended([worker]) >= before, now() + PATIENCE);
    await environment.settle();
    await sleep(700);
    let added;
    let isDone;
    const { usage } = await environment.measure(async () => {
      ({ added } = await producer.call('addAtRate', { rate: RATE, seconds }));
      isDone = await waitUntil(() => ended([worker]) >= before + added, now() + PATIENCE);
    });
    const { records, audit } = await collect([worker], isDone ? before + added : undefined);
    return {
      figures: {
        ...percentiles(records.waited.slice(before)),
        cpuPerJob: (usage.node + usage.server) / added,
        cpuOfServerPerJob: usage.server / added,
        journalPerJob: usage.journal / added,
        ...(await storage(environment)),
      },
      usage,
      isDone,
      ended: outOf(records.at.length - before, added),
      audit,
    };
  },

  columns: [
    { variant: '', figure: 'p50', title: 'p50', as: 'ms', isRate: true },
    { variant: '', figure: 'p95', title: 'p95', as: 'ms', isRate: true },
    { variant: '', figure: 'p99', title: 'p99', as: 'ms', isRate: true },
    // ms per job are seconds per 1,000 jobs
    { variant: '', figure: 'cpuPerJob', title: 'CPU s per 1,000 jobs', as: 'fraction', isRate: true },
    { variant: '', figure: 'cpuOfServerPerJob', title: 'of it the server', as: 'fraction', isRate: true },
    { variant: '', figure: 'journalPerJob', title: 'WAL per job', as: 'bytes', isRate: true },
    { variant: '', figure: 'deadRows', title: 'dead rows', as: 'count', isRate: true },
    { variant: '', figure: 'size', title: 'size', as: 'megabytes', isRate: true },
  ],
};
