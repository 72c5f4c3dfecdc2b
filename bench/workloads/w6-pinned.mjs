import { pinHorizon } from '../flat/database.mjs';
import { collect, ended, rateBetween, startAll, waitUntil } from '../lib/drain.mjs';
import { best, QUICK_TO_FILL } from './profiles.mjs';

const SPAN = 10_000;

export default {
  title: 'W6: draining while a transaction stays open',
  about:
    'As many jobs as are added in 15 s, at least 200,000 and at most 2,000,000, are drained while two REPEATABLE READ ' +
    'transactions stay open in the same database: the first ten seconds against the last ten before all are done or 60 s ' +
    'are over. Where all are done within 20 s, the first and the last tenth of that time. Redis has no such horizon, and ' +
    'is there as a control.',
  repeats: false,
  variants: { '': {} },
  profiles: best,
  sizes: {
    full: { least: 200_000, most: 2_000_000, fillFor: 15_000 },
    quick: { least: 20_000, most: 60_000, fillFor: 2_000, systems: QUICK_TO_FILL },
  },

  async run(environment, { least, most, fillFor }) {
    let filled = await environment.fill(most, { limit: fillFor });
    if (filled < least) filled += await environment.fill(least - filled);
    await environment.settle();
    const [worker] = await environment.workers(1);
    const release = environment.client ? await pinHorizon(environment.url) : () => undefined;
    const { result: isDone, usage } = await environment.measure(async () => {
      const from = await startAll([worker]);
      return waitUntil(() => ended([worker]) >= filled, from + environment.limit);
    });
    const { records, audit } = await collect([worker], isDone ? filled : undefined);
    await release();
    const { at } = records;
    const [from, to] = [at[0], at.at(-1)];
    const span = to - from < 2 * SPAN ? (to - from) / 10 : SPAN;
    const first = rateBetween(records, from, from + span);
    const last = rateBetween(records, to - span, to);
    return {
      figures: { kept: last / first, first, last, jobs: at.length },
      usage,
      // it ends by time where there are jobs enough
      isDone: true,
      audit,
    };
  },

  columns: [
    { variant: '', figure: 'kept', title: 'last ÷ first', as: 'fraction' },
    { variant: '', figure: 'first', title: 'first (jobs/s)', as: 'count' },
    { variant: '', figure: 'last', title: 'last (jobs/s)', as: 'count' },
    { variant: '', figure: 'jobs', title: 'jobs drained', as: 'count' },
  ],
};
