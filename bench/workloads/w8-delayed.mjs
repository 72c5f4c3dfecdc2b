import { auditOf, takingRate } from '../lib/rounds.mjs';
import { best, QUICK_TO_FILL } from './profiles.mjs';

const A_MONTH = 30 * 86_400_000;

export default {
  title: 'W8: 500,000 delayed',
  about:
    'How fast 20,000 ready jobs are taken, and how fast beside 500,000 that are due in a month: the median of three new ' +
    'worker processes each. (Filling ends after 60 s: then fewer are delayed.)',
  repeats: false,
  variants: { '': {} },
  profiles: best,
  sizes: {
    full: { ready: 20_000, delayed: 500_000, rounds: 3 },
    quick: { ready: 2_000, delayed: 20_000, rounds: 1, systems: QUICK_TO_FILL },
  },

  async run(environment, { ready, delayed, rounds }) {
    const before = async () => {
      await environment.fill(ready);
      await environment.settle();
    };
    const { result, usage } = await environment.measure(async () => {
      const alone = await takingRate(environment, { jobs: ready, rounds, before });
      if (!alone.isDone) return { alone, beside: alone, later: 0 };
      const later = await environment.fill(delayed, { delay: A_MONTH });
      const beside = await takingRate(environment, { jobs: ready, rounds, before });
      return { alone, beside, later };
    });
    const { alone, beside, later } = result;
    return {
      figures: { ratio: beside.rate / alone.rate, alone: alone.rate, beside: beside.rate, later },
      usage,
      isDone: beside.isDone,
      ended: beside.ended,
      audit: auditOf(alone, beside),
    };
  },

  columns: [
    { variant: '', figure: 'ratio', title: 'beside ÷ alone', as: 'fraction' },
    { variant: '', figure: 'alone', title: 'alone (jobs/s)', as: 'count', isRate: true },
    { variant: '', figure: 'beside', title: 'beside them (jobs/s)', as: 'count', isRate: true },
    { variant: '', figure: 'later', title: 'delayed', as: 'count', isRate: true },
  ],
};
