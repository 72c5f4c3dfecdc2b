import { describe, expect, it } from 'vitest';
import type { RecordedState } from '../../lib/engine/job-engine.interface.js';
import { buffers, least } from '../support/buffers.js';
import { keysOf, many, outcome, testEngine, type TestQueue } from '../support/engine.js';

const engine = testEngine({ alone: true });
const STATES: RecordedState[] = ['waiting', 'delayed', 'active', 'completed', 'failed'];
const count = async (queue: TestQueue) => engine.main.jobs.getJobCounts(queue.name, STATES);
const list = async (queue: TestQueue, state: RecordedState, start = 0, end = -1, ascending = true) =>
  keysOf(await engine.main.jobs.getJobs(queue.name, [state], start, end, ascending));

describe('counts', () => {
  it('are exact while there are few, state by state', async () => {
    const [queue, worker] = [await engine.queue(), await engine.worker()];
    await engine.main.add(queue, ...many(12), ...many(3, { delay: 60_000 }), ...many(2, { priority: 9 }));
    const { runs } = await worker.claim(queue, { want: 9 });
    const dead = { state: 'f', reason: 'exhausted' } as const;
    const retried = { state: 'r', delay: 60_000, charge: 1 } as const;
    const ends = [undefined, undefined, undefined, dead, dead, retried, { state: 'm', to: 'front' } as const];
    await worker.finish(
      queue,
      ends.map((end, i) => outcome(runs[i]!, end)),
    );
    const counts = { waiting: 6, delayed: 4, active: 2, completed: 3, failed: 2 };
    expect(await count(queue)).toEqual({ counts, estimated: [] });
    for (const state of STATES) expect(await list(queue, state), state).toHaveLength(counts[state]);
  });

  it('are 0 for a queue that nobody has used', async () => {
    const none = { waiting: 0, delayed: 0, active: 0, completed: 0, failed: 0 };
    expect(await engine.main.jobs.getJobCounts('never used', STATES)).toEqual({ counts: none, estimated: [] });
    expect(await engine.main.jobs.getJobs('never used', STATES, 0, -1, true)).toEqual([]);
  });

  it('say that they are estimates when there are very many, and cost the same with 100,000 as with 20,000', async () => {
    const [queue, worker] = [await engine.queue(), await engine.worker()];
    const cost = async (state: RecordedState) =>
      least(async () => buffers(engine.main, async () => engine.main.jobs.getJobCounts(queue.name, [state])));
    const costs = async () => {
      await engine.main.jobs.getJobCounts(queue.name, STATES);
      return { waiting: await cost('waiting'), delayed: await cost('delayed'), completed: await cost('completed') };
    };
    const grow = async (to: number) => {
      await engine.main.add(queue, ...many(to));
      await worker.endAll(queue, (await worker.claim(queue, { want: to })).runs);
      await engine.main.add(queue, ...many(to), ...many(to, { delay: 3_600_000 }));
    };
    await grow(20_000);
    const few = await costs();
    for (let i = 0; i < 4; i++) await grow(20_000);
    const { counts, estimated } = await count(queue);
    expect(estimated).toEqual(expect.arrayContaining(['waiting', 'delayed', 'completed']));
    for (const state of ['waiting', 'delayed', 'completed'] as const) {
      console.log(`${state}: ${counts[state]} for 100,000`);
      expect(counts[state]).toBeGreaterThan(33_000);
      expect(counts[state]).toBeLessThan(300_000);
    }
    const full = await costs();
    console.log('buffers of counts with 20,000 each', few, 'with more', full);
    for (const state of ['waiting', 'delayed', 'completed'] as const) {
      expect(full[state], state).toBeLessThanOrEqual(few[state] * 1.5);
    }
  }, 120_000);
});

describe('what is delayed is seen behind what no longer is', () => {
  it('ten cancelled ones that were due earlier', async () => {
    const queue = await engine.queue();
    const cancelled = await engine.main.add(queue, ...many(10, { delay: 60_000 }));
    const left = await engine.main.add(queue, ...many(2, { delay: 120_000 }));
    for (const { id } of cancelled) await engine.main.jobs.cancel(queue.name, id, 'why');
    expect(await list(queue, 'delayed', 0, 9)).toEqual(keysOf(left));
  });

  it.each([
    { since: 5, least: 6, isEstimate: false },
    { since: 10_100, least: 10_000, isEstimate: true },
  ])(
    '20,000 that were drained, when $since came since',
    async ({ since, least: atLeast, isEstimate }) => {
      const queue = await engine.queue();
      await engine.main.add(queue, ...many(20_000, { delay: 3_600_000 }));
      // open at that moment: not drained
      const open = await engine.session();
      const [uncommitted] = await open.begin(queue, { delay: 7_100_000 });
      await (await engine.session()).jobs.drain(queue.name, true);
      await open.commit();
      const [early] = await engine.main.add(queue, { delay: 60_000 });
      const late = await engine.main.add(queue, ...many(since - 1, { delay: 7_200_000 }));
      expect(await list(queue, 'delayed', 0, 3)).toEqual(keysOf([early!, uncommitted!, late[0]!, late[1]!]));
      const { counts, estimated } = await engine.main.jobs.getJobCounts(queue.name, ['delayed']);
      expect(estimated.includes('delayed')).toBe(isEstimate);
      expect(counts.delayed).toBeGreaterThanOrEqual(atLeast);
      expect(counts.delayed).toBeLessThan(isEstimate ? 50_000 : 7);
    },
    60_000,
  );
});

describe('jobs are listed', () => {
  it('waiting ones in the order of service, in pages, forwards and backwards', async () => {
    const [queue, worker] = [await engine.queue(), await engine.worker()];
    const added = await engine.main.add(queue, { priority: 5 }, {}, { priority: 1 }, {}, { priority: 5 });
    const order = [1, 3, 2, 0, 4].map((i) => added[i]!.key);
    expect(await list(queue, 'waiting')).toEqual(order);
    expect(await list(queue, 'waiting', 1, 2)).toEqual(order.slice(1, 3));
    expect(await list(queue, 'waiting', 3, 100)).toEqual(order.slice(3));
    expect(await list(queue, 'waiting', 0, 1, false)).toEqual(order.toReversed().slice(0, 2));
    expect(await worker.claimKeys(queue, { want: 2 })).toEqual(order.slice(0, 2));
    expect(await list(queue, 'waiting')).toEqual(order.slice(2));
    expect(await list(queue, 'active')).toEqual(order.slice(0, 2));
  });

  it('delayed ones by due time, dead ones by time of death, finished ones by age', async () => {
    const [queue, worker] = [await engine.queue(), await engine.worker()];
    const [late, soon] = await engine.main.add(queue, { delay: 90_000 }, { delay: 60_000 });
    expect(await list(queue, 'delayed')).toEqual(keysOf([soon!, late!]));
    const added = await engine.main.add(queue, ...many(4));
    const { runs } = await worker.claim(queue);
    for (const i of [2, 0]) await worker.finish(queue, [outcome(runs[i]!, { state: 'f', reason: 'exhausted' })]);
    for (const i of [3, 1]) await worker.finish(queue, [outcome(runs[i]!)]);
    expect(await list(queue, 'failed')).toEqual([added[2]!.key, added[0]!.key]);
    expect(await list(queue, 'failed', 0, 0, false)).toEqual([added[0]!.key]);
    expect(await list(queue, 'completed')).toEqual([added[1]!.key, added[3]!.key]);
    expect(await list(queue, 'completed', 0, 0, false)).toEqual([added[3]!.key]);
  });

  it('several states one after the other, in pages that reach from one into the next', async () => {
    const [queue] = [await engine.queue()];
    const [a, b, c] = await engine.main.add(queue, {}, {}, { delay: 60_000 });
    const page = async (start: number, end: number) =>
      keysOf(await engine.main.jobs.getJobs(queue.name, ['waiting', 'delayed'], start, end, true));
    expect(await page(0, -1)).toEqual(keysOf([a!, b!, c!]));
    expect(await page(1, 2)).toEqual(keysOf([b!, c!]));
    expect(await page(2, 2)).toEqual(keysOf([c!]));
    expect(await page(3, 9)).toEqual([]);
  });
});
