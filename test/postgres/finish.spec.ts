import { describe, expect, it } from 'vitest';
import { keysOf, many, outcome, testEngine, type TestQueue } from '../support/engine.js';
import { aWhile } from '../support/signals.js';

const engine = testEngine();
const setUp = async () => ({ queue: await engine.queue(), worker: await engine.worker() });
const counts = async (queue: TestQueue) =>
  (await engine.main.jobs.getJobCounts(queue.name, ['waiting', 'delayed', 'active', 'completed', 'failed'])).counts;
const NONE = { waiting: 0, delayed: 0, active: 0, completed: 0, failed: 0 };

describe('a finished batch', () => {
  it('completes its jobs, each with its result', async () => {
    const { queue, worker } = await setUp();
    const added = await engine.main.add(queue, {}, {}, {});
    const { runs } = await worker.claim(queue);
    const results = ['{"ok":true}', null, '"text"'];
    expect(
      await worker.finish(
        queue,
        runs.map((run, i) => outcome(run, undefined, results[i])),
      ),
    ).toEqual([]);
    const jobs = [];
    for (const { id } of added) jobs.push(await engine.main.jobs.getJob(queue.name, id));
    expect(jobs.map((job) => [job!.state, job!.result])).toEqual(results.map((result) => ['completed', result]));
    expect(jobs.map((job) => job!.finishedOn! >= job!.processedOn! && job!.processedOn! >= job!.createdAt - 1)).toEqual(
      [true, true, true],
    );
  });

  it('may be written again: what it wrote stands, nothing follows twice, and every run is answered for', async () => {
    const { queue, worker } = await setUp();
    await engine.main.add(queue, ...many(6));
    const { runs } = await worker.claim(queue);
    const ends = [
      outcome(runs[0]!),
      outcome(runs[1]!, { state: 'r', delay: 60_000, charge: 1, error: { message: 'e' } }),
      outcome(runs[2]!, { state: 'm', to: 'front' }),
      outcome(runs[3]!, { state: 'f', reason: 'exhausted', error: { message: 'e' } }),
      outcome(runs[4]!, { state: 'p', delay: 60_000 }),
    ];
    expect(await worker.finish(queue, ends)).toEqual([]);
    const after = { waiting: 1, delayed: 2, active: 1, completed: 1, failed: 1 };
    expect(await counts(queue)).toEqual(after);
    const stands = ends.map(({ key, run, followUp }) => ({ key, run, state: followUp?.state ?? 'c' }));
    const byKey = (a: { key: string }, b: { key: string }) => Number(a.key) - Number(b.key);
    expect((await worker.finish(queue, ends)).toSorted(byKey)).toEqual(stands);
    expect((await worker.finish(queue, ends, true)).toSorted(byKey)).toEqual(stands);
    expect(await counts(queue)).toEqual(after);
    // with one that is new: that one is written
    expect(await worker.finish(queue, [...ends, outcome(runs[5]!)])).toHaveLength(5);
    expect(await counts(queue)).toEqual({ ...after, active: 0, completed: 2 });
  });

  it('is sorted: two that hold the same runs in opposite order do not deadlock, and end each run once', async () => {
    const { queue, worker } = await setUp();
    const other = await engine.session();
    for (let i = 0; i < 20; i++) {
      await engine.main.add(queue, ...many(200));
      const { runs } = await worker.claim(queue);
      const ends = runs.map((run) => outcome(run));
      const refused = await Promise.all([
        worker.finish(queue, ends, true),
        other.work.finish(worker.id, queue.id, ends.toReversed(), true),
      ]);
      expect(refused.flat()).toHaveLength(200);
    }
    expect(await counts(queue)).toEqual({ ...NONE, completed: 4000 });
  });

  it('goes where its lease says, whichever segment is current by then', async () => {
    const { queue, worker } = await setUp();
    const [added] = await engine.main.add(queue);
    await engine.switchRing('result', 1);
    const { runs } = await worker.claim(queue);
    await engine.switchRing('result', 2);
    await worker.endAll(queue, runs);
    await engine.switchRing('result', 0);
    expect(await worker.endAll(queue, runs)).toEqual([{ key: added!.key, run: 1, state: 'c' }]);
    const rows = await engine.rows(`select tableoid::regclass::text as t from ${engine.s}.result_1 where job_id = $1`, [
      added!.key,
    ]);
    expect(rows).toHaveLength(1);
    expect(await engine.rows(`select from ${engine.s}.result where job_id = $1`, [added!.key])).toHaveLength(1);
  });
});

describe('a run is not ended by', () => {
  it('a worker that does not hold its lease', async () => {
    const { queue, worker } = await setUp();
    const other = await engine.worker();
    const [added] = await engine.main.add(queue);
    const { runs } = await worker.claim(queue);
    const retry = { state: 'r', delay: 0, charge: 1 } as const;
    expect(await other.endAll(queue, runs)).toEqual([{ key: added!.key, run: 1, state: null }]);
    expect(await other.endAll(queue, runs, retry)).toEqual([{ key: added!.key, run: 1, state: null }]);
    expect(await counts(queue)).toEqual({ ...NONE, active: 1 });
  });

  it('a lease that does not exist, while its neighbours in the batch are', async () => {
    const { queue, worker } = await setUp();
    const added = await engine.main.add(queue, {}, {});
    const { runs } = await worker.claim(queue);
    const stale = { ...runs[0]!, lease: { ...runs[0]!.lease, n: '99' } };
    expect(await worker.finish(queue, [outcome(stale), outcome(runs[1]!)])).toEqual([
      { key: added[0]!.key, run: 1, state: null },
    ]);
    expect(await counts(queue)).toEqual({ ...NONE, active: 1, completed: 1 });
  });

  it('another worker than the one that ended it first, whose outcome stands', async () => {
    const { queue, worker } = await setUp();
    const [added] = await engine.main.add(queue);
    const { runs } = await worker.claim(queue);
    await worker.endAll(queue, runs, { state: 'f', reason: 'exhausted' });
    expect(await worker.endAll(queue, runs)).toEqual([{ key: added!.key, run: 1, state: 'f' }]);
    expect(await engine.state(queue, added!)).toBe('failed');
  });
});

describe('what follows from a run that failed', () => {
  it('is a delayed one after a retry, with its errors, until the last one is dead with all of them', async () => {
    const { queue, worker } = await setUp();
    const [added] = await engine.main.add(queue, { name: 'flaky', data: { a: 1 }, attempts: 3, priority: 4 });
    const errors = [1, 2, 3].map((i) => ({ message: `attempt ${i}`, stack: `at ${i}` }));
    for (const attempt of [1, 2]) {
      const { runs } = await worker.claim(queue);
      expect(runs).toEqual([
        expect.objectContaining({ key: added!.key, run: attempt, attempt, errors: errors.slice(0, attempt - 1) }),
      ]);
      await worker.endAll(queue, runs, { state: 'r', delay: 20, charge: 1, error: errors[attempt - 1]! });
      expect(await engine.state(queue, added!)).toBe('delayed');
      expect(await worker.claimKeys(queue)).toEqual([]);
      await aWhile(25);
      expect((await engine.main.work.promote(queue.id, 10)).lanes).toEqual([4]);
    }
    const { runs } = await worker.claim(queue);
    await worker.endAll(queue, runs, { state: 'f', reason: 'exhausted', error: errors[2]! });
    const dead = await engine.main.jobs.getJob(queue.name, added!.id);
    expect(dead).toMatchObject({
      state: 'failed',
      errors,
      attemptsStarted: 3,
      attemptsMade: 3,
      name: 'flaky',
      data: '{"a": 1}'.replace(' ', ''),
    });
    expect(await counts(queue)).toEqual({ ...NONE, failed: 1 });
  });

  it('runs again with fresh attempts when a dead job is retried, its errors kept', async () => {
    const { queue, worker } = await setUp();
    const [added] = await engine.main.add(queue, { attempts: 1, uniqueKey: 'k' });
    await worker.endAll(queue, (await worker.claim(queue)).runs, {
      state: 'f',
      reason: 'exhausted',
      error: { message: 'e' },
    });
    expect(await engine.main.jobs.retryDead(queue.name, { ids: [added!.id, '77777777'] })).toBe(1);
    expect(await engine.main.jobs.retryDead(queue.name, { all: true })).toBe(0);
    const { runs } = await worker.claim(queue);
    expect(runs).toEqual([
      expect.objectContaining({ key: added!.key, run: 2, attempt: 1, errors: [{ message: 'e' }] }),
    ]);
    await worker.endAll(queue, runs);
    expect(await counts(queue)).toEqual({ ...NONE, completed: 1 });
  });

  it('charges no attempt when it is handed back or postponed', async () => {
    const { queue, worker } = await setUp();
    const added = await engine.main.add(queue, {}, {});
    const { runs } = await worker.claim(queue);
    await worker.finish(queue, [
      outcome(runs[0]!, { state: 'm', to: 'front' }),
      outcome(runs[1]!, { state: 'p', delay: 0, charge: 0 }),
    ]);
    await engine.main.work.promote(queue.id, 10);
    const again = await worker.claim(queue);
    expect(keysOf(again.runs)).toEqual(keysOf(added));
    expect(again.runs.map(({ run, attempt }) => [run, attempt])).toEqual([
      [2, 1],
      [2, 1],
    ]);
  });
});
