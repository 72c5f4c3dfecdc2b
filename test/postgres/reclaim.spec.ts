import { beforeEach, describe, expect, it } from 'vitest';
import { keysOf, many, testEngine, type TestQueue, type TestWorker } from '../support/engine.js';

const engine = testEngine();
const RINGS = ['entry', 'delayed', 'lease', 'result', 'unique_key', 'custom_id', 'pulse'];

let queue: TestQueue;
let worker: TestWorker;

/** Finished jobs of this queue are not kept, so that one turn of a ring takes them. */
async function keepNothing(): Promise<void> {
  await engine.main.jobs.setRetention(queue.name, { completed: { age: 0 } });
}

/** Rows of this test's queue in a ring. */
async function rowsIn(ring: string): Promise<number> {
  const [{ n }] = (await engine.rows(`select count(*)::int as n from ${engine.s}.${ring} where queue_id = $1`, [
    queue.id,
  ])) as [{ n: number }];
  return n;
}

/** Until nothing of the log is left that could go: leases go before results, entries before those. */
async function turnAll(times = 2): Promise<void> {
  for (let i = 0; i < times; i++) {
    for (const ring of ['entry', 'delayed', 'lease', 'result', 'unique_key', 'custom_id']) await engine.turn(ring);
  }
}

beforeEach(async () => {
  queue = await engine.queue();
  worker = await engine.worker();
});

describe('reclaiming', () => {
  it.each(RINGS)('leaves its placeholder in a segment of the %s', async (ring) => {
    await engine.main.add(queue, { uniqueKey: 'k' }, { jobId: 'an id' }, { delay: 60_000 });
    await worker.endAll(queue, (await worker.claim(queue)).runs);
    // results go when no lease is left that names their segment
    if (ring === 'result') await engine.turn('lease');
    expect(await engine.turn(ring)).toBe('reclaimed');
    for (const i of [0, 1, 2]) {
      const [{ n }] = (await engine.rows(`select count(*)::int as n from ${engine.s}.${ring}_${i}
        where ${ring === 'pulse' ? `worker = '00000000-0000-0000-0000-000000000000'` : 'queue_id = 0'}`)) as [
        { n: number },
      ];
      expect(n).toBe(1);
    }
  });

  it('takes all that has ended, and leaves a cursor for each lane', async () => {
    await keepNothing();
    await engine.main.add(queue, ...many(50), ...many(5, { priority: 3 }), ...many(5, { delay: 1 }));
    await engine.main.add(queue, { uniqueKey: 'k' }, { jobId: 'an id' });
    await new Promise((resolve) => setTimeout(resolve, 5));
    await worker.session.work.promote(queue.id, 100);
    await worker.endAll(queue, (await worker.claim(queue)).runs);
    await turnAll();
    for (const ring of ['entry', 'delayed', 'result', 'unique_key', 'custom_id'])
      expect([ring, await rowsIn(ring)]).toEqual([ring, 0]);
    // priorities 0 and 3, and the delayed ones'
    expect(await rowsIn('lease')).toBe(3);
    const [added] = await engine.main.add(queue);
    expect(await worker.claimKeys(queue)).toEqual(keysOf([added!]));
  });

  it('moves no job in the order, across priorities, windows and stragglers', async () => {
    const [slow, other] = [await engine.session(), await engine.session()];
    const first = await slow.begin(queue, ...many(3));
    const second = await other.add(queue, ...many(3));
    expect(await worker.claimKeys(queue, { want: 2 })).toEqual(keysOf(second).slice(0, 2));
    const third = await engine.main.add(queue, ...many(3), { priority: 1 });
    await slow.commit();
    for (const ring of ['entry', 'lease', 'entry', 'lease']) expect(await engine.turn(ring)).toBe('reclaimed');
    const rest = [...keysOf(second).slice(2), ...keysOf(first), ...keysOf(third)];
    expect(await worker.claimKeys(queue, { want: 1 })).toEqual(rest.slice(0, 1));
    for (const ring of ['entry', 'lease']) expect(await engine.turn(ring)).toBe('reclaimed');
    expect(await worker.claimKeys(queue)).toEqual(rest.slice(1));
    expect(await worker.claimKeys(queue)).toEqual([]);
  });

  it('keeps a delayed job until it is due, and one that was promoted is not promoted again', async () => {
    await engine.main.add(queue, { delay: 60_000 }, { delay: 1 });
    await new Promise((resolve) => setTimeout(resolve, 5));
    await worker.session.work.promote(queue.id, 10);
    for (const ring of ['delayed', 'lease', 'delayed', 'lease']) expect(await engine.turn(ring)).toBe('reclaimed');
    expect(await rowsIn('delayed')).toBe(1);
    await worker.session.work.promote(queue.id, 10);
    expect((await worker.claim(queue)).runs).toHaveLength(1);
  });

  it('keeps completed jobs for an hour, or as long and as many as their queue says', async () => {
    const [added] = [await engine.main.add(queue, ...many(20))];
    await worker.endAll(queue, (await worker.claim(queue)).runs);
    await turnAll();
    expect(await engine.state(queue, added[0]!)).toBe('completed');
    await engine.main.jobs.setRetention(queue.name, { completed: { count: 5 } });
    await turnAll();
    expect(await rowsIn('entry')).toBe(5);
    expect(await engine.state(queue, added[14]!)).toBeUndefined();
    expect(await engine.state(queue, added[15]!)).toBe('completed');
    await engine.main.jobs.setRetention(queue.name, { completed: { count: 0 } });
    await turnAll();
    expect(await rowsIn('entry')).toBe(0);
  });

  it('keeps a unique key while its job lives, and an id while its job is kept', async () => {
    const [keyed, named] = await engine.main.add(queue, { uniqueKey: 'k' }, { jobId: 'an id' });
    await turnAll();
    const [again, same] = await engine.main.add(queue, { uniqueKey: 'k' }, { jobId: 'an id' });
    expect([again!.existing?.key, same!.existing?.key]).toEqual([keyed!.key, named!.key]);
    await worker.endAll(queue, (await worker.claim(queue)).runs);
    await turnAll();
    expect((await engine.main.add(queue, { jobId: 'an id' }))[0]!.existing?.key).toBe(named!.key);
    expect((await engine.main.add(queue, { uniqueKey: 'k' }))[0]!.existing).toBeUndefined();
  });

  it('moves many survivors once, to an old generation, and leaves that alone', async () => {
    await engine.main.add(queue, ...many(30));
    expect(await engine.turn('entry', 10)).toBe('kept');
    const [added] = [await engine.main.add(queue, ...many(30))];
    // the first segment is the old generation now
    expect(await engine.turn('entry', 10)).toBe('reclaimed');
    const places = await engine.rows(
      `select * from (${[0, 1, 2]
        .map((i) => `select ${i} as i, count(*)::int as n from ${engine.s}.entry_${i} where queue_id = ${queue.id}`)
        .join(' union all ')}) x where n > 0`,
    );
    expect(places.map(({ n }) => n)).toEqual([60]);
    const { runs } = await worker.claim(queue);
    expect(keysOf(runs).slice(30)).toEqual(keysOf(added));
    await worker.endAll(queue, runs);
  });
});
