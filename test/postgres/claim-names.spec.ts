import { describe, expect, it } from 'vitest';
import { keysOf, many, testEngine, type TestQueue } from '../support/engine.js';

const engine = testEngine();
const setUp = async () => ({ queue: await engine.queue(), worker: await engine.worker() });
const lanesOf = async (queue: TestQueue) =>
  engine.rows<{ lane: number; name: string; priority: number }>(
    `select lane, name, priority from ${engine.s}.lane where queue_id = $1 order by lane`,
    [queue.id],
  );

describe('jobs of a name that a process does not handle', () => {
  it('are moved to the lane of their name, where a process that handles it gets them with no attempt charged', async () => {
    const { queue, worker } = await setUp();
    const added = await engine.main.add(queue, { name: 'new' }, { name: 'old' }, { name: 'new' }, { name: 'old' });
    expect(await worker.claimKeys(queue, { names: ['old'] })).toEqual([added[1]!.key, added[3]!.key]);
    expect(await worker.claimKeys(queue, { names: ['old'] })).toEqual([]);
    expect(await engine.state(queue, added[0]!)).toBe('waiting');
    const { runs } = await (await engine.worker()).claim(queue, { names: ['new', 'old'] });
    expect(runs.map(({ key, run, attempt }) => [key, run, attempt])).toEqual([
      [added[0]!.key, 2, 1],
      [added[2]!.key, 2, 1],
    ]);
  });

  it('reach a process that handles every name', async () => {
    const { queue, worker } = await setUp();
    const added = await engine.main.add(queue, { name: 'new' });
    await worker.claim(queue, { names: ['old'] });
    expect(await worker.claimKeys(queue, { names: null })).toEqual(keysOf(added));
  });

  it('go straight to their lane from then on, each priority to its own', async () => {
    const { queue, worker } = await setUp();
    await engine.main.add(queue, { name: 'new' }, { name: 'new', priority: 5 });
    await worker.claim(queue, { names: ['old'] });
    const lanes = await lanesOf(queue);
    expect(lanes.map(({ name, priority }) => [name, priority])).toEqual([
      ['new', 0],
      ['new', 5],
    ]);
    const [normal, low, old] = await engine.main.add(
      queue,
      { name: 'new' },
      { name: 'new', priority: 5 },
      { name: 'old' },
    );
    const placed = await engine.rows(`select lane, run from ${engine.s}.entry where job_id = any($1) order by job_id`, [
      [normal!.key, low!.key, old!.key],
    ]);
    expect(placed).toEqual([
      { lane: lanes[0]!.lane, run: 1 },
      { lane: lanes[1]!.lane, run: 1 },
      { lane: 0, run: 1 },
    ]);
    expect(await worker.claimKeys(queue, { names: ['old'] })).toEqual([old!.key]);
  });

  it('are moved 100 at most by one claim, which still gets what it handles before the hundred-and-first', async () => {
    const { queue, worker } = await setUp();
    const added = await engine.main.add(queue, ...many(50, { name: 'new' }), {}, ...many(100, { name: 'new' }), {});
    expect(await worker.claimKeys(queue, { names: ['job'] })).toEqual([added[50]!.key]);
    const moved = `select count(*)::int as n from ${engine.s}.result where queue_id = $1 and state = 'm'`;
    expect((await engine.rows(moved, [queue.id]))[0].n).toBe(100);
    expect(await worker.claimKeys(queue, { names: ['job'] })).toEqual([added.at(-1)!.key]);
    expect((await engine.rows(moved, [queue.id]))[0].n).toBe(150);
    const all = await worker.claimKeys(queue, { names: ['new'] });
    expect(all).toEqual(keysOf(added.filter((_, i) => i !== 50 && i !== 151)));
  });

  it('are not handed to a process that asks for their lane without handling them', async () => {
    const { queue, worker } = await setUp();
    await engine.main.add(queue, { name: 'new' });
    await worker.claim(queue, { names: ['old'] });
    const [{ lane } = { lane: 0 }] = await lanesOf(queue);
    expect(lane).toBeGreaterThan(255);
    expect(await worker.claimKeys(queue, { names: ['old'], lanes: [lane, -1 - lane] })).toEqual([]);
    expect(await worker.claimKeys(queue, { names: ['new'], lanes: [lane] })).toHaveLength(1);
  });

  it('are moved from among what was removed, without the removed ones', async () => {
    const { queue, worker } = await setUp();
    const added = await engine.main.add(queue, ...many(4, { name: 'new' }), {});
    expect(await engine.main.jobs.remove(queue.name, added[1]!.id)).toBe(true);
    expect(await worker.claimKeys(queue, { names: ['job'] })).toEqual([added[4]!.key]);
    expect(await worker.claimKeys(queue, { names: ['new'] })).toEqual([0, 2, 3].map((i) => added[i]!.key));
  });
});

describe('a lane of a name', () => {
  it('takes turns with the ordinary lane of its priority, so that neither starves', async () => {
    const { queue, worker } = await setUp();
    await engine.main.add(queue, { name: 'new' });
    await worker.claim(queue, { names: ['old'] });
    await engine.main.add(queue, ...many(20, { name: 'new' }), ...many(20, { name: 'old' }));
    const names: string[] = [];
    for (let i = 0; i < 10; i++) {
      names.push(...(await worker.claim(queue, { names: ['new', 'old'], want: 2 })).runs.map(({ name }) => name));
    }
    expect(names.filter((name) => name === 'old')).toHaveLength(10);
    expect(names.filter((name) => name === 'new')).toHaveLength(10);
  });

  it('has a front of its own for runs that are handed back', async () => {
    const { queue, worker } = await setUp();
    await engine.main.add(queue, { name: 'new' });
    await worker.claim(queue, { names: ['old'] });
    await engine.main.add(queue, { name: 'new' });
    const { runs } = await worker.claim(queue, { names: ['new'], want: 1 });
    await worker.endAll(queue, runs, { state: 'm', to: 'front' });
    expect(await worker.claimKeys(queue, { names: ['old'] })).toEqual([]);
    const again = await worker.claim(queue, { names: ['new'] });
    expect(again.runs[0]).toEqual(expect.objectContaining({ key: runs[0]!.key, run: 3, attempt: 1 }));
    expect(again.runs).toHaveLength(2);
  });

  it('takes a run that its process hands over because it has no handler for it', async () => {
    const { queue, worker } = await setUp();
    const [added] = await engine.main.add(queue, { name: 'other' });
    const { runs } = await worker.claim(queue);
    await worker.endAll(queue, runs, { state: 'm', to: 'name' });
    expect(await worker.claimKeys(queue, { names: ['mine'] })).toEqual([]);
    expect(await worker.claimKeys(queue, { names: ['other'] })).toEqual([added!.key]);
  });
});
