import { describe, expect, it } from 'vitest';
import { draft, failure, keysOf, many, type Session, testEngine } from '../support/engine.js';

const engine = testEngine();
const setUp = async () => ({ queue: await engine.queue(), worker: await engine.worker() });
const uniqueKey = 'the key';

describe('a second job with a unique key', () => {
  it.each(['waiting', 'delayed', 'active'] as const)(
    'is not added while the first is %s: the first is returned',
    async (state) => {
      const { queue, worker } = await setUp();
      const [first] = await engine.main.add(queue, {
        uniqueKey,
        data: 1,
        ...(state === 'delayed' && { delay: 60_000 }),
      });
      if (state === 'active') await worker.claim(queue);
      const [second] = await engine.main.add(queue, { uniqueKey, data: 2 });
      expect(second).toMatchObject({ id: first!.id, key: first!.key, existing: { state, data: '1' } });
      expect(await worker.claimKeys(queue)).toEqual(state === 'waiting' ? [first!.key] : []);
    },
  );

  it.each(['completed', 'failed', 'removed'] as const)('is added when the first was %s', async (end) => {
    const { queue, worker } = await setUp();
    const [first] = await engine.main.add(queue, { uniqueKey });
    if (end === 'removed') await engine.main.jobs.remove(queue.name, first!.id);
    const { runs } = await worker.claim(queue);
    await worker.endAll(queue, runs, end === 'failed' ? { state: 'f', reason: 'exhausted' } : undefined);
    const [second] = await engine.main.add(queue, { uniqueKey });
    expect(second!.existing).toBeUndefined();
    expect(await worker.claimKeys(queue)).toEqual([second!.key]);
    const [third] = await engine.main.add(queue, { uniqueKey });
    expect(third!.key).toBe(second!.key);
  });

  it('is not added while the first waits for its retry', async () => {
    const { queue, worker } = await setUp();
    const [first] = await engine.main.add(queue, { uniqueKey });
    await worker.endAll(queue, (await worker.claim(queue)).runs, { state: 'r', delay: 60_000, charge: 1 });
    expect(keysOf(await engine.main.add(queue, { uniqueKey }))).toEqual([first!.key]);
  });

  it('is added in another queue', async () => {
    const { queue } = await setUp();
    await engine.main.add(queue, { uniqueKey });
    const [other] = await engine.main.add(await engine.queue(), { uniqueKey });
    expect(other!.existing).toBeUndefined();
  });

  it('does not poison the transaction that adds it', async () => {
    const { queue, worker } = await setUp();
    await engine.main.add(queue, { uniqueKey });
    const caller = await engine.session();
    const [duplicate] = await caller.begin(queue, { uniqueKey });
    expect(duplicate!.existing).toBeDefined();
    const [other] = await caller.add(queue);
    await caller.commit();
    expect(await worker.claimKeys(queue)).toContain(other!.key);
  });

  it('is added when the transaction of the first rolls back', async () => {
    const { queue, worker } = await setUp();
    const slow = await engine.session();
    const [first] = await slow.begin(queue, { uniqueKey });
    const adding = engine.main.add(queue, { uniqueKey });
    await slow.rollback();
    const [second] = await adding;
    expect(second!.existing).toBeUndefined();
    expect(second!.key).not.toBe(first!.key);
    expect(await worker.claimKeys(queue)).toEqual([second!.key]);
  });

  it('in the same bulk is the first one', async () => {
    const { queue, worker } = await setUp();
    const added = await engine.main.add(queue, { uniqueKey, data: 1 }, {}, { uniqueKey, data: 2 });
    expect(added[2]).toMatchObject({ key: added[0]!.key, existing: { state: 'waiting', data: '1' } });
    expect(added[0]!.existing).toBeUndefined();
    expect(await worker.claimKeys(queue)).toEqual(keysOf(added.slice(0, 2)));
  });
});

describe('at the same time', () => {
  it('twenty adds with one key make one job and get twenty equal ids, again and again', async () => {
    const { queue, worker } = await setUp();
    const sessions = await Promise.all(Array.from({ length: 20 }, async () => engine.session()));
    for (let round = 0; round < 5; round++) {
      const added = (await Promise.all(sessions.map(async (session) => session.add(queue, { uniqueKey })))).flat();
      expect(new Set(added.map(({ id }) => id)).size).toBe(1);
      expect(added.filter(({ existing }) => existing === undefined)).toHaveLength(1);
      const { runs } = await worker.claim(queue);
      expect(keysOf(runs)).toEqual([added[0]!.key]);
      await worker.endAll(queue, runs);
    }
  });

  it('two bulks with the same keys in opposite order do not deadlock', async () => {
    const { queue, worker } = await setUp();
    const [one, two] = [await engine.session(), await engine.session()];
    const keys = Array.from({ length: 50 }, (_, i) => ({ uniqueKey: `k${i}` }));
    for (let round = 0; round < 10; round++) {
      const [first, second] = await Promise.all([one.add(queue, ...keys), two.add(queue, ...keys.toReversed())]);
      expect(keysOf(second.toReversed())).toEqual(keysOf(first));
      const { runs } = await worker.claim(queue);
      expect(runs).toHaveLength(50);
      await worker.endAll(queue, runs);
    }
  });

  it('different keys and plain jobs never wait for a transaction that holds a key', async () => {
    const { queue } = await setUp();
    const slow = await engine.session();
    await slow.begin(queue, { uniqueKey });
    await engine.main.client.query(`set statement_timeout = '5s'`);
    const added = await engine.main.add(queue, ...many(3), { uniqueKey: 'another' });
    await engine.main.client.query('reset statement_timeout');
    expect(added).toHaveLength(4);
    await slow.rollback();
  });

  it.each(['repeatable read', 'serializable'])(
    'the second gets 40001 in %s, as for a write of its own',
    async (level) => {
      const { queue } = await setUp();
      const [one, two]: [Session, Session] = [await engine.session(), await engine.session()];
      await two.client.query(`begin isolation level ${level}`);
      await two.client.query(`select from ${engine.s}.queue`);
      await one.add(queue, { uniqueKey });
      expect(await failure(two.add(queue, { uniqueKey }))).toBe('40001');
      await two.rollback();
    },
  );
});

describe('a dead job whose key another one holds', () => {
  it('stays dead when it is retried, and others with it are retried', async () => {
    const { queue, worker } = await setUp();
    const [dead, free] = await engine.main.add(queue, { uniqueKey, attempts: 1 }, {});
    await worker.endAll(queue, (await worker.claim(queue)).runs, { state: 'f', reason: 'exhausted' });
    await engine.main.add(queue, { uniqueKey });
    expect(await engine.main.jobs.retryDead(queue.name, { all: true })).toBe(1);
    expect(await engine.state(queue, dead!)).toBe('failed');
    expect(await engine.state(queue, free!)).toBe('waiting');
  });
});

describe("an id of one's own", () => {
  it("becomes the job's id, and is taken for as long as the job is kept, finished or not", async () => {
    const { queue, worker } = await setUp();
    const [first] = await engine.main.add(queue, { jobId: 'order 1', data: 1 });
    expect(first).toMatchObject({ id: 'order 1' });
    const end = async () => worker.endAll(queue, (await worker.claim(queue)).runs);
    for (const state of ['waiting', 'completed']) {
      if (state === 'completed') await end();
      const [again] = await engine.main.add(queue, { jobId: 'order 1', data: 2 });
      expect(again).toMatchObject({ id: 'order 1', key: first!.key, existing: { state, data: '1' } });
    }
    expect(await engine.main.jobs.getJob(queue.name, 'order 1')).toMatchObject({ id: 'order 1', state: 'completed' });
    expect(await engine.main.jobs.remove(queue.name, 'order 1')).toBe(true);
    const [second] = await engine.main.add(queue, { jobId: 'order 1', data: 3 });
    expect(second!.existing).toBeUndefined();
    expect(await engine.main.jobs.getJob(queue.name, 'order 1')).toMatchObject({ data: '3', state: 'waiting' });
  });

  it('is separate for each queue, and twenty adds with it at once make one job', async () => {
    const { queue, worker } = await setUp();
    await engine.main.add(await engine.queue(), { jobId: 'x' });
    const sessions = await Promise.all(Array.from({ length: 20 }, async () => engine.session()));
    const added = await Promise.all(sessions.map(async ({ jobs }) => jobs.add(queue.name, [draft({ jobId: 'x' })])));
    expect(new Set(added.flat().map(({ key }) => key)).size).toBe(1);
    expect(await worker.claimKeys(queue)).toHaveLength(1);
  });

  it('leaves the unique key of a duplicate free', async () => {
    const { queue } = await setUp();
    await engine.main.add(queue, { jobId: 'x' });
    await engine.main.add(queue, { jobId: 'x', uniqueKey });
    const [added] = await engine.main.add(queue, { uniqueKey });
    expect(added!.existing).toBeUndefined();
  });

  it('stays free when the unique key given with it is taken', async () => {
    const { queue } = await setUp();
    const [holder] = await engine.main.add(queue, { uniqueKey });
    const [duplicate] = await engine.main.add(queue, { jobId: 'y', uniqueKey });
    expect(duplicate!.key).toBe(holder!.key);
    const [added] = await engine.main.add(queue, { jobId: 'y' });
    expect(added!.existing).toBeUndefined();
    expect((await engine.main.jobs.getJob(queue.name, 'y'))!.key).toBe(added!.key);
  });
});
