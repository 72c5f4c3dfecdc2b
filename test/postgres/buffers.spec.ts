import { describe, expect, it } from 'vitest';
import { Bench, buffers, least } from '../support/buffers.js';
import { many, testEngine } from '../support/engine.js';

const engine = testEngine({ alone: true });

/** The other statements: at most so many, and so many for each job. */
const OTHERS = { add: [50, 10], finish: [60, 10], retry: [100, 30], promote: [100, 30], unique: [100, 0] } as const;

describe('whatever is in the log,', () => {
  it('adding, finishing and promoting touch as few buffers', async () => {
    const bench = await Bench.start(engine);
    const { queue, worker } = bench;
    const main = engine.main;
    const runs = async (count: number) => {
      await bench.drain();
      await bench.add(count);
      return (await worker.claim(queue)).runs;
    };
    const costs = async () => {
      const found: Record<string, number> = {};
      for (const count of [1, 500]) {
        found[`add ${count}`] = await least(async () =>
          buffers(main, async () => main.add(queue, ...many(count, { data: 'x'.repeat(190) }))),
        );
        found[`finish ${count}`] = await least(async () => {
          const claimed = await runs(count);
          return buffers(worker.session, async () => worker.endAll(queue, claimed));
        });
        const retry = { state: 'r', delay: 3_600_000, charge: 1, error: { message: 'e' } } as const;
        found[`retry ${count}`] = await least(async () => {
          const claimed = await runs(count);
          return buffers(worker.session, async () => worker.endAll(queue, claimed, retry));
        });
        found[`promote ${count}`] = await least(async () => {
          await bench.add(count, { delay: 1 });
          await main.client.query('select pg_sleep(0.005)');
          return buffers(main, async () => main.work.promote(queue.id, 1000));
        });
      }
      found['promote 0'] = await least(async () => buffers(main, async () => main.work.promote(queue.id, 1000)));
      await main.add(queue, { uniqueKey: 'k' });
      found['unique 1'] = await least(async () => buffers(main, async () => main.add(queue, { uniqueKey: 'k' })));
      return found;
    };
    await costs();
    await bench.finished(100);
    const few = await costs();
    await bench.finished(50_000);
    for (let i = 0; i < 10; i++) await bench.add(5000, { delay: 3_600_000 + i });
    for (let i = 0; i < 10; i++) await bench.add(5000, { delay: 1 });
    await main.client.query('select pg_sleep(0.01)');
    while ((await main.work.promote(queue.id, 5000)).more);
    for (let i = 0; i < 500; i++) {
      await bench.drain();
      await main.add(queue, { uniqueKey: 'k' });
    }
    await costs();
    const full = await costs();
    console.log('buffers of other statements with few jobs', few, 'with many', full);
    for (const [what, cost] of Object.entries(full)) {
      expect(cost, what).toBeLessThanOrEqual(few[what]! * 1.2 + 10);
      const [how, count] = what.split(' ') as [keyof typeof OTHERS, string];
      expect(cost, what).toBeLessThanOrEqual(OTHERS[how][0] + OTHERS[how][1] * Number(count));
    }
  }, 120_000);
});
