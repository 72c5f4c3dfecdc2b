import { drain } from '../lib/drain.mjs';
import { outOf } from '../lib/measure.mjs';
import { both } from './profiles.mjs';

export default {
  title: 'W3: draining',
  about:
    'No-op jobs that wait already, by one process and by two; from the start signal to connected workers until the ' +
    'storage says that all are finished. Two processes only where one was done within its time.',
  repeats: true,
  variants: { 1: { processes: 1 }, 2: { processes: 2, after: '1' } },
  profiles: both,
  sizes: { full: { jobs: 100_000 }, quick: { jobs: 10_000 } },

  async run(environment, { jobs }, { processes }) {
    const filled = await environment.fill(jobs);
    await environment.settle();
    const workers = await environment.workers(processes);
    const { result, usage } = await environment.measure(() => drain(environment, workers, filled));
    const { from, to, isDone, records, audit } = result;
    return {
      figures: { rate: (Math.min(records.at.length, filled) / (to - from)) * 1_000 },
      usage,
      isDone,
      ended: outOf(records.at.length, filled),
      audit,
    };
  },

  columns: [
    { variant: '1', figure: 'rate', title: 'one process (jobs/s)', as: 'count', isRate: true },
    { variant: '2', figure: 'rate', title: 'two processes (jobs/s)', as: 'count', isRate: true },
  ],
};
