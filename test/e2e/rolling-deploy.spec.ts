import { expect, it } from 'vitest';
import { testDatabase } from '../support/database.js';
import { ended, newQueue, processor, testApplications } from '../support/running.js';
import { aWhile } from '../support/signals.js';

const database = testDatabase();
const start = testApplications(database);

it('jobs of a queue without a handler stay waiting', async () => {
  const name = newQueue();
  await start({ providers: [processor(newQueue(), () => 'other')] });
  const queue = (await start()).queue(name);
  const job = await queue.add('job', null);
  await aWhile();
  expect(await job.getState()).toBe('waiting');
  expect(await queue.getJobCounts('failed', 'active')).toMatchObject({ failed: 0, active: 0 });
});

it('an old process leaves the names it does not know, and a new one runs them, charged no attempt', async () => {
  const name = newQueue();
  const ranOld: string[] = [];
  const old = (await start({ providers: [processor(name, (job) => void ranOld.push(job.name), {}, 'old')] })).queue(
    name,
  );
  const news = await old.addBulk(Array.from({ length: 20 }, (_, i) => ({ name: 'new', data: i })));
  const olds = await old.addBulk(Array.from({ length: 5 }, () => ({ name: 'old', data: null })));
  for (const job of olds) await ended(old, job);
  await aWhile();
  expect(new Set(ranOld)).toEqual(new Set(['old']));
  for (const job of news) expect(await job.getState()).toBe('waiting');
  expect(await old.getJobCounts('failed')).toMatchObject({ failed: 0 });

  const ranNew: number[] = [];
  const handler = processor(name, (job) => ranNew.push(job.data) && job.attemptsStarted, { concurrency: 1 }, 'new');
  await start({ providers: [handler] });
  for (const job of news) {
    expect(await ended(old, job)).toMatchObject({ returnvalue: 1, attemptsMade: 0 });
  }
  expect(ranNew).toEqual(news.map((_, i) => i));
});

it('both at once: each runs its own names, and nothing fails', async () => {
  const name = newQueue();
  const first = await start({ providers: [processor(name, () => 'old', {}, 'old')] });
  await start({
    providers: [processor(name, () => 'old', {}, 'old'), processor(name, () => 'new', {}, 'new')],
  });
  const queue = first.queue(name);
  const jobs = await queue.addBulk(Array.from({ length: 200 }, (_, i) => ({ name: i % 2 ? 'new' : 'old', data: i })));
  for (const job of jobs) expect(await ended(queue, job)).toMatchObject({ returnvalue: job.name, attemptsMade: 0 });
});

it('a delayed or retried job of a name that is unknown here waits when it is due', async () => {
  const name = newQueue();
  const old = (await start({ providers: [processor(name, () => 'old', {}, 'old')] })).queue(name);
  const job = await old.add('new', null, { delay: 50 });
  await ended(old, await old.add('old', null, { delay: 150 }));
  expect(await job.getState()).toBe('waiting');
  await start({ providers: [processor(name, () => 'new')] });
  expect((await ended(old, job)).returnvalue).toBe('new');
});
