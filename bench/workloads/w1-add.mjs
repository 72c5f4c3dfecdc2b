import { producers } from './profiles.mjs';

export default {
  title: 'W1: adding one by one',
  about: '`add()` in a loop, by 1 caller and by 16 callers of one process. Settings that add alike are measured once.',
  repeats: true,
  variants: { 1: { callers: 1 }, 16: { callers: 16 } },
  profiles: producers,
  sizes: { full: { seconds: 3 }, quick: { seconds: 1 } },

  async run(environment, { seconds }, { callers }) {
    const producer = await environment.role('producer');
    await environment.settle();
    const { result, usage } = await environment.measure(() => producer.call('addOneByOne', { callers, seconds }));
    const { added, ...figures } = result;
    const stored = await environment.observer.stored();
    return { figures, usage, isDone: true, audit: { lost: added - stored, repeated: 0 } };
  },

  columns: [
    { variant: '16', figure: 'rate', title: '16 callers (jobs/s)', as: 'count' },
    { variant: '16', figure: 'p50', title: 'p50', as: 'ms' },
    { variant: '16', figure: 'p99', title: 'p99', as: 'ms' },
    { variant: '1', figure: 'rate', title: '1 caller (jobs/s)', as: 'count' },
    { variant: '1', figure: 'p50', title: 'p50', as: 'ms' },
    { variant: '1', figure: 'p99', title: 'p99', as: 'ms' },
  ],
};
