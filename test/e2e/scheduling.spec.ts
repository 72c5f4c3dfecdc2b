import { describe, expect, it } from 'vitest';
import { testDatabase } from '../support/database.js';
import { ended, inState, newQueue, processor, testApplications } from '../support/running.js';
import { until } from '../support/signals.js';

const database = testDatabase();
const start = testApplications(database);

// what is due runs without a poll
const NO_POLL = { pollInterval: '1h' } as const;

describe('a delayed job', () => {
  it.each(['delay', 'runAt'] as const)('(%s) does not run before it is due, and then without a poll', async (how) => {
    const name = newQueue();
    let ranAt = 0;
    const handler = processor(name, () => void (ranAt = performance.now()), NO_POLL);
    const queue = (await start({ providers: [handler] })).queue(name);
    const began = performance.now();
    const when = how === 'delay' ? { delay: 400 } : { runAt: new Date(Date.now() + 400) };
    const job = await queue.add('job', null, when);
    expect(await job.getState()).toBe('delayed');
    await ended(queue, job);
    expect(ranAt - began).toBeGreaterThanOrEqual(398);
  });

  it('runs at once when its time is past or now', async () => {
    const name = newQueue();
    const queue = (await start({ providers: [processor(name, () => 1, NO_POLL)] })).queue(name);
    for (const options of [{ runAt: new Date('2001-01-01') }, { delay: 0 }]) {
      expect((await ended(queue, await queue.add('job', null, options))).returnvalue).toBe(1);
    }
  });

  it('that another process added is known here: due before what was known', async () => {
    const name = newQueue();
    const ran: string[] = [];
    const handler = processor(name, (job) => void ran.push(job.data), NO_POLL);
    await start({ providers: [handler] });
    const producer = (await start({ options: { processing: false } })).queue(name);
    await producer.add('job', 'in 500', { delay: 500 });
    await producer.add('job', 'in 150', { delay: 150 });
    await until('both to run', () => ran.length === 2);
    expect(ran).toEqual(['in 150', 'in 500']);
  });

  it('is known to a process that starts later', async () => {
    const name = newQueue();
    const producer = (await start()).queue(name);
    const job = await producer.add('job', null, { delay: 300 });
    await start({ providers: [processor(name, () => 1, NO_POLL)] });
    expect((await ended(producer, job)).returnvalue).toBe(1);
  });

  it('in a transaction counts from its commit’s side of the clock: it runs when due, once committed', async () => {
    const name = newQueue();
    const queue = (await start({ providers: [processor(name, () => 'ran', NO_POLL)] })).queue(name);
    const tx = await database.connect();
    await tx.query('begin');
    const job = await queue.add('job', null, { tx, delay: 100 });
    // due before the commit
    await tx.query('select pg_sleep(0.2)');
    await tx.query('commit');
    expect((await ended(queue, job)).returnvalue).toBe('ran');
  });

  it('1,000 of them that are due at once all run', async () => {
    const name = newQueue();
    let ran = 0;
    const queue = (await start({ providers: [processor(name, () => void ran++, NO_POLL)] })).queue(name);
    const runAt = new Date(Date.now() + 200);
    await queue.addBulk(Array.from({ length: 1000 }, () => ({ name: 'job', data: null, opts: { runAt } })));
    await until('all to run', () => ran === 1000);
    await until('all to be completed', async () => (await queue.getJobCounts('completed')).completed === 1000);
    expect(await queue.getJobCounts('delayed', 'waiting')).toMatchObject({ delayed: 0, waiting: 0 });
  });
});

describe('priority', () => {
  it('lower runs first, and equal ones in the order they were added', async () => {
    const name = newQueue();
    const producer = (await start()).queue(name);
    const priorities = [5, 0, 1, 255, 0, 1];
    await producer.addBulk(priorities.map((priority, i) => ({ name: 'job', data: i, opts: { priority } })));
    const ran: number[] = [];
    await start({ providers: [processor(name, (job) => void ran.push(job.data), { concurrency: 1 })] });
    await until('all to run', () => ran.length === priorities.length);
    expect(ran).toEqual([1, 4, 2, 5, 0, 3]);
  });

  it('is kept over a retry', async () => {
    const name = newQueue();
    const handler = processor(name, (job) => {
      if (job.attemptsStarted === 1) throw new Error('no');
      return job.priority;
    });
    const queue = (await start({ providers: [handler] })).queue(name);
    const job = await queue.add('job', null, { priority: 7, backoff: 1 });
    expect((await ended(queue, job)).returnvalue).toBe(7);
    await inState(queue, job, 'completed');
  });
});
