import { describe, expect, it } from 'vitest';
import { keysOf, many, testEngine } from '../support/engine.js';
import { aWhile } from '../support/signals.js';

const engine = testEngine();
const setUp = async () => ({ queue: await engine.queue(), worker: await engine.worker() });

describe('a job that is removed', () => {
  it('while it waits is passed over, alone or among others, and is gone', async () => {
    const { queue, worker } = await setUp();
    const added = await engine.main.add(queue, ...many(10));
    for (const i of [0, 4, 5, 9]) expect(await engine.main.jobs.remove(queue.name, added[i]!.id)).toBe(true);
    expect(await engine.state(queue, added[4]!)).toBeUndefined();
    expect(await worker.claimKeys(queue, { want: 2 })).toEqual([added[1]!.key, added[2]!.key]);
    expect(await worker.claimKeys(queue)).toEqual([3, 6, 7, 8].map((i) => added[i]!.key));
    expect(await worker.claimKeys(queue)).toEqual([]);
  });

  it('leaves its lane usable when nothing else was in it', async () => {
    const { queue, worker } = await setUp();
    const [gone] = await engine.main.add(queue);
    await engine.main.jobs.remove(queue.name, gone!.id);
    expect(await worker.claimKeys(queue)).toEqual([]);
    const added = await engine.main.add(queue);
    expect(await worker.claimKeys(queue)).toEqual(keysOf(added));
  });

  it('while it is delayed never runs', async () => {
    const { queue, worker } = await setUp();
    const [gone, kept] = await engine.main.add(queue, ...many(2, { delay: 50 }));
    expect(await engine.main.jobs.remove(queue.name, gone!.id)).toBe(true);
    await aWhile(60);
    await engine.main.work.promote(queue.id, 100);
    expect(await worker.claimKeys(queue)).toEqual([kept!.key]);
    expect(await engine.state(queue, gone!)).toBeUndefined();
  });

  it('while it waits in a segment that claims no longer write to is passed over too', async () => {
    const { queue, worker } = await setUp();
    await engine.switchRing('result', 2);
    const [gone, kept] = await engine.main.add(queue, {}, {});
    await engine.main.jobs.remove(queue.name, gone!.id);
    await engine.switchRing('result', 0);
    expect(await worker.claimKeys(queue)).toEqual([kept!.key]);
  });

  it('while it is active stays, and so does one that is unknown', async () => {
    const { queue, worker } = await setUp();
    const [added] = await engine.main.add(queue);
    const { runs } = await worker.claim(queue);
    expect(await engine.main.jobs.remove(queue.name, added!.id)).toBe(false);
    expect(await engine.main.jobs.remove(queue.name, '999999999')).toBe(false);
    expect(await worker.endAll(queue, runs)).toEqual([]);
    expect(await engine.state(queue, added!)).toBe('completed');
  });

  it.each(['completed', 'failed'] as const)('after it %s is gone', async (state) => {
    const { queue, worker } = await setUp();
    const [added] = await engine.main.add(queue);
    const { runs } = await worker.claim(queue);
    await worker.endAll(queue, runs, state === 'failed' ? { state: 'f', reason: 'exhausted' } : undefined);
    expect(await engine.state(queue, added!)).toBe(state);
    expect(await engine.main.jobs.remove(queue.name, added!.id)).toBe(true);
    expect(await engine.state(queue, added!)).toBeUndefined();
    expect((await engine.main.jobs.getJobCounts(queue.name, [state])).counts[state]).toBe(0);
  });

  it('is never handed out as well: of a removal and a claim at the same time one wins', async () => {
    const { queue, worker } = await setUp();
    const remover = await engine.session();
    for (let i = 0; i < 40; i++) {
      const [added] = await engine.main.add(queue);
      const [removed, claimed] = await Promise.all([
        remover.jobs.remove(queue.name, added!.id),
        worker.claimKeys(queue),
      ]);
      expect(claimed).toEqual(removed ? [] : [added!.key]);
    }
  });
});
