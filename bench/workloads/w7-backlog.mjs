import { auditOf, takingRate } from '../lib/rounds.mjs';
import { best, QUICK_TO_FILL } from './profiles.mjs';

export default {
  title: 'W7: 1,000,000 waiting',
  about:
    'How fast 10,000 jobs are taken when only they wait, and when 1,000,000 wait: the median of three new worker ' +
    'processes each. (Filling ends after 60 s: then fewer wait.)',
  repeats: false,
  variants: { '': {} },
  profiles: best,
  sizes: {
    full: { few: 10_000, many: 1_000_000, rounds: 3 },
    quick: { few: 2_000, many: 30_000, rounds: 1, systems: QUICK_TO_FILL },
  },

  async run(environment, { few, many, rounds }) {
    const { result, usage } = await environment.measure(async () => {
      const refill = async () => {
        await environment.fill(few);
        await environment.settle();
      };
      const alone = await takingRate(environment, { jobs: few, rounds, before: refill });
      if (!alone.isDone) return { alone, crowded: alone, waiting: few };
      const waiting = await environment.fill(many);
      await environment.settle();
      const crowded = await takingRate(environment, { jobs: few, rounds });
      return { alone, crowded, waiting };
    });
    const { alone, crowded, waiting } = result;
    return {
      figures: { ratio: crowded.rate / alone.rate, alone: alone.rate, crowded: crowded.rate, waiting },
      usage,
      isDone: crowded.isDone,
      ended: crowded.ended,
      audit: auditOf(alone, crowded),
    };
  },

  columns: [
    { variant: '', figure: 'ratio', title: 'many ÷ few', as: 'fraction' },
    { variant: '', figure: 'alone', title: '10,000 wait (jobs/s)', as: 'count', isRate: true },
    { variant: '', figure: 'crowded', title: '1,000,000 wait (jobs/s)', as: 'count', isRate: true },
    { variant: '', figure: 'waiting', title: 'waiting', as: 'count', isRate: true },
  ],
};
