import { describe, expect, it } from 'vitest';
import type { ActiveJob } from '../../lib/index.js';
import { testDatabase } from '../support/database.js';
import { ended, newQueue, processor, testApplications } from '../support/running.js';
import { deferred, until } from '../support/signals.js';

const database = testDatabase();
const start = testApplications(database);

describe('concurrency', () => {
  it.each([
    { worker: {}, most: 10 },
    { worker: { concurrency: 3 }, most: 3 },
  ])('with $worker 25 blocked jobs run $most at once, and all in the end', async ({ worker, most }) => {
    const queueName = newQueue();
    const gate = deferred();
    const full = deferred();
    let running = 0;
    let highest = 0;
    const blocked = processor(
      queueName,
      async () => {
        highest = Math.max(highest, ++running);
        if (running === most) full.resolve();
        await gate.promise;
        running--;
      },
      worker,
    );
    const queue = (await start({ providers: [blocked] })).queue(queueName);
    const added = await queue.addBulk(Array.from({ length: 25 }, () => ({ name: 'job', data: null })));
    await full.promise;
    // a claim that took more would have started them by the time one more job has been added and seen
    await queue.add('job', null);
    await queue.getJobCounts();
    expect(running).toBe(most);
    gate.resolve();
    for (const job of added) expect(await (await ended(queue, job)).getState()).toBe('completed');
    expect(highest).toBe(most);
  });

  it('is each processor’s own: a full one does not hold up another of the same queue', async () => {
    const queueName = newQueue();
    const gate = deferred();
    const ran: string[] = [];
    const slow = processor(queueName, () => gate.promise, { concurrency: 2 }, 'slow');
    const quick = processor(queueName, (job) => ran.push(job.data), { concurrency: 1 }, 'quick');
    const queue = (await start({ providers: [slow, quick] })).queue(queueName);
    await queue.addBulk(Array.from({ length: 50 }, () => ({ name: 'slow', data: null })));
    const quicks = await queue.addBulk(Array.from({ length: 5 }, (_, i) => ({ name: 'quick', data: i })));
    for (const job of quicks) await ended(queue, job);
    expect(ran.toSorted()).toEqual([0, 1, 2, 3, 4]);
    gate.resolve();
  });

  it('of a full processor leaves its backlog where it is, however long, and runs all of it in the end', async () => {
    const queueName = newQueue();
    const gate = deferred();
    let slowRuns = 0;
    const slow = processor(queueName, () => gate.promise.then(() => slowRuns++), { concurrency: 2 }, 'slow');
    const quick = processor(queueName, () => undefined, { concurrency: 1 }, 'quick');
    const queue = (await start({ providers: [slow, quick] })).queue(queueName);
    await queue.addBulk(Array.from({ length: 450 }, () => ({ name: 'slow', data: null })));
    await ended(queue, await queue.add('quick', null));
    // the two that run, and at most as many more as the first claim could fetch before they had begun
    expect((await queue.getJobCounts('active')).active).toBeLessThanOrEqual(5);
    gate.resolve();
    await until('all of the backlog to have run', () => slowRuns === 450, 15_000);
  });

  it('10 instances of an application run each of 500 jobs exactly once', async () => {
    const queueName = newQueue();
    const runs = new Map<number, number>();
    const count = processor(queueName, async (job: ActiveJob<number>) => {
      runs.set(job.data, (runs.get(job.data) ?? 0) + 1);
      await new Promise((resolve) => setImmediate(resolve));
    });
    const apps = await Promise.all(Array.from({ length: 10 }, () => start({ providers: [count] })));
    const queue = apps[0]!.queue(queueName);
    const added = await Promise.all(
      apps.map((app, a) =>
        app.queue(queueName).addBulk(Array.from({ length: 50 }, (_, i) => ({ name: 'job', data: a * 50 + i }))),
      ),
    );
    for (const job of added.flat()) await ended(queue, job);
    expect(runs.size).toBe(500);
    expect([...runs.values()].every((n) => n === 1)).toBe(true);
  });
});

it('a long drain of short jobs lets timers and requests have their turn', async () => {
  const name = newQueue();
  const total = 2_000;
  let ran = 0;
  const busy = processor(name, () => {
    const end = performance.now() + 0.5;
    while (performance.now() < end);
    ran++;
  });
  const producer = (await start()).queue(name);
  await producer.addBulk(Array.from({ length: total }, () => ({ name: 'job', data: null })));
  const turns = new Set<number>();
  const timer = setInterval(() => turns.add(ran), 1);
  try {
    await start({ providers: [busy] });
    await until('all to have run', () => ran === total, 15_000);
  } finally {
    clearInterval(timer);
  }
  // it takes a second at least: far fewer if it ran what it has fetched in one go
  expect(turns.size).toBeGreaterThan(50);
});
