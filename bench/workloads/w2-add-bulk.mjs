import { outOf } from '../lib/measure.mjs';
import { producers } from './profiles.mjs';

export default {
  title: 'W2: adding in bulk',
  about: '5,000 jobs a call, one call after the other. Settings that add alike are measured once.',
  repeats: true,
  variants: { '': {} },
  profiles: producers,
  sizes: { full: { jobs: 100_000 }, quick: { jobs: 20_000 } },

  async run(environment, { jobs }) {
    const producer = await environment.role('producer');
    const batch = 5_000;
    const warmUp = await producer.call('addBulk', { count: batch, batch });
    await environment.settle();
    const { result, usage } = await environment.measure(() =>
      producer.call('addBulk', { count: jobs, batch, limit: environment.limit }),
    );
    const { added, ms } = result;
    const stored = await environment.observer.stored();
    return {
      figures: { rate: (added / ms) * 1_000 },
      usage,
      isDone: added === jobs,
      ended: outOf(added, jobs),
      audit: { lost: warmUp.added + added - stored, repeated: 0 },
    };
  },

  columns: [{ variant: '', figure: 'rate', title: 'jobs/s', as: 'count', isRate: true }],
};
