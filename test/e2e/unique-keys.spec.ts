import { describe, expect, it } from 'vitest';
import { testDatabase } from '../support/database.js';
import { ended, inState, newQueue, processor, testApplications } from '../support/running.js';
import { deferred } from '../support/signals.js';

const database = testDatabase();
const start = testApplications(database);

describe('a unique key', () => {
  it.each(['waiting', 'delayed', 'active'] as const)(
    'is taken while its job is %s: a second add() returns that job, and adds nothing',
    async (state) => {
      const name = newQueue();
      const gate = deferred();
      const app = await start(state === 'active' ? { providers: [processor(name, () => gate.promise)] } : {});
      const queue = app.queue(name);
      const first = await queue.add('first', { n: 1 }, { uniqueKey: 'k', ...(state === 'delayed' && { delay: '1h' }) });
      expect(first.deduplicated).toBe(false);
      await inState(queue, first, state);
      const second = await queue.add('second', { n: 2 }, { uniqueKey: 'k', priority: 3 });
      expect(second.deduplicated).toBe(true);
      expect([second.id, second.name, second.data]).toEqual([first.id, 'first', { n: 1 }]);
      expect([second.timestamp, second.priority, second.opts.uniqueKey]).toEqual([first.timestamp, 0, 'k']);
      expect(await queue.getJobs()).toHaveLength(1);
      expect(await second.getState()).toBe(state);
      gate.resolve();
    },
  );

  it.each(['completed', 'failed'] as const)('is free again when its job has %s', async (state) => {
    const name = newQueue();
    const handler = processor(name, () => {
      if (state === 'failed') throw new Error('no');
    });
    const queue = (await start({ providers: [handler] })).queue(name);
    const first = await queue.add('job', 1, { uniqueKey: 'k', attempts: 1 });
    await inState(queue, first, state);
    const second = await queue.add('job', 2, { uniqueKey: 'k', attempts: 1 });
    expect([second.deduplicated, second.id === first.id, second.data]).toEqual([false, false, 2]);
    await inState(queue, second, state);
    const counts = await queue.getJobCounts(state);
    expect(counts[state]).toBe(2);
  });

  it('stays taken while its job waits for a retry', async () => {
    const name = newQueue();
    const handler = processor(name, () => {
      throw new Error('no');
    });
    const queue = (await start({ providers: [handler] })).queue(name);
    const first = await queue.add('job', 1, { uniqueKey: 'k', backoff: 3_600_000 });
    await inState(queue, first, 'delayed');
    const second = await queue.add('job', 2, { uniqueKey: 'k' });
    expect([second.id, second.deduplicated, second.attemptsMade]).toEqual([first.id, true, 1]);
    expect(second.failedReason).toBe('no');
  });

  it('is each queue’s own', async () => {
    const { queue } = await start();
    const jobs = [
      await queue(newQueue()).add('job', 1, { uniqueKey: 'k' }),
      await queue(newQueue()).add('job', 2, { uniqueKey: 'k' }),
    ];
    expect(jobs.map(({ deduplicated }) => deduplicated)).toEqual([false, false]);
  });

  it('asked for by 20 at once, of two applications, makes one job and 20 equal ids', async () => {
    const name = newQueue();
    const apps = [await start(), await start()];
    const jobs = await Promise.all(
      Array.from({ length: 20 }, (_, n) => apps[n % 2]!.queue(name).add('job', { n }, { uniqueKey: 'k' })),
    );
    expect(new Set(jobs.map(({ id }) => id)).size).toBe(1);
    const originals = jobs.filter(({ deduplicated }) => !deduplicated);
    expect(originals).toHaveLength(1);
    expect(new Set(jobs.map(({ data }) => data.n))).toEqual(new Set([originals[0]!.data.n]));
    expect(await apps[0]!.queue(name).getJobs()).toHaveLength(1);
  });

  it('twice in one addBulk makes one job', async () => {
    const queue = (await start()).queue(newQueue());
    const [one, plain, two] = await queue.addBulk([
      { name: 'job', data: 1, opts: { uniqueKey: 'k' } },
      { name: 'job', data: 2 },
      { name: 'job', data: 3, opts: { uniqueKey: 'k' } },
    ]);
    expect([two!.id, two!.deduplicated, two!.data]).toEqual([one!.id, true, 1]);
    expect([plain!.deduplicated, one!.deduplicated]).toEqual([false, false]);
    expect(await queue.getJobs()).toHaveLength(2);
  });
});

describe('a job id of one’s own', () => {
  it('is the job’s id, everywhere', async () => {
    const name = newQueue();
    const queue = (await start({ providers: [processor(name, (job) => job.id)] })).queue(name);
    const job = await queue.add('job', null, { jobId: 'order:7' });
    expect(job.id).toBe('order:7');
    expect((await ended(queue, job)).returnvalue).toBe('order:7');
  });

  it('returns the first job for as long as that is kept, completed or not', async () => {
    const name = newQueue();
    const queue = (await start({ providers: [processor(name, () => 'ran')] })).queue(name);
    const first = await queue.add('job', 1, { jobId: 'a' });
    await ended(queue, first);
    const second = await queue.add('job', 2, { jobId: 'a' });
    expect([second.id, second.deduplicated, second.data, second.returnvalue]).toEqual(['a', true, 1, 'ran']);
    expect(await queue.getJobCounts('waiting', 'completed')).toMatchObject({ waiting: 0, completed: 1 });
    expect(await second.remove()).toBe(true);
    const third = await queue.add('job', 3, { jobId: 'a' });
    expect([third.deduplicated, third.data]).toEqual([false, 3]);
    await ended(queue, third);
  });

  it('is each queue’s own, and one job when 20 ask at once', async () => {
    const { queue } = await start();
    const [one, other] = [queue(newQueue()), queue(newQueue())];
    const jobs = await Promise.all(Array.from({ length: 20 }, (_, n) => one.add('job', n, { jobId: 'a' })));
    expect(jobs.filter(({ deduplicated }) => !deduplicated)).toHaveLength(1);
    expect((await other.add('job', null, { jobId: 'a' })).deduplicated).toBe(false);
    expect(await one.getJobs()).toHaveLength(1);
  });
});
