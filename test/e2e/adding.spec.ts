import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { countedPool } from '../support/counted-pool.js';
import { testDatabase } from '../support/database.js';
import { ended, newQueue, processor, testApplications } from '../support/running.js';
import { until } from '../support/signals.js';

const database = testDatabase();
const start = testApplications(database);

describe('addBulk()', () => {
  it('of 12,000 adds and runs all, and returns them in the order given', async () => {
    const name = newQueue();
    const ran = new Set<number>();
    const { queue: of } = await start({ providers: [processor(name, (job) => void ran.add(job.data))] });
    const queue = of<number>(name);
    const jobs = await queue.addBulk(Array.from({ length: 12_000 }, (_, i) => ({ name: 'job', data: i })));
    expect(jobs.map(({ data }) => data)).toEqual(Array.from({ length: 12_000 }, (_, i) => i));
    const ids = jobs.map(({ id }) => Number(id));
    expect(ids).toEqual([...new Set(ids)].toSorted((a, b) => a - b));
    await until('all to run', () => ran.size === 12_000);
  });

  it('runs jobs in the order given when one runs at a time', async () => {
    const name = newQueue();
    const ran: number[] = [];
    const queue = (await start()).queue<number>(name);
    await queue.addBulk(Array.from({ length: 200 }, (_, i) => ({ name: `job ${i % 3}`, data: i })));
    await start({ providers: [processor(name, (job) => void ran.push(job.data), { concurrency: 1 })] });
    await until('all to run', () => ran.length === 200);
    expect(ran).toEqual(Array.from({ length: 200 }, (_, i) => i));
  });

  it('writes nothing when one job is refused, and says which', async () => {
    const queue = (await start()).queue(newQueue());
    const jobs = [{ data: 1 }, { data: { tags: ['ok', 2n] } }].map((job) => ({ name: 'job', ...job }));
    await expect(queue.addBulk(jobs)).rejects.toMatchObject({ path: 'jobs[1].data.tags[1]' });
    expect(await queue.getJobCounts('waiting')).toMatchObject({ waiting: 0 });
  });

  it('writes nothing when a later page of it fails', async () => {
    const name = newQueue();
    const queue = (await start()).queue(name);
    await queue.add('job', null);
    const schema = database.schema;
    await database.client.query(`create function ${schema}.refuse() returns trigger language plpgsql as
      $$ begin raise exception 'refused' using errcode = '23514'; end $$`);
    for (const i of [0, 1, 2]) {
      await database.client.query(`create trigger refuse before insert on ${schema}.entry_${i}
        for each row when (new.name = 'refused') execute function ${schema}.refuse()`);
    }
    const jobs = Array.from({ length: 6000 }, (_, i) => ({ name: i === 5999 ? 'refused' : 'job', data: i }));
    await expect(queue.addBulk(jobs)).rejects.toThrow('refused');
    expect(await queue.getJobCounts('waiting')).toMatchObject({ waiting: 1 });
    // among add()s that share a statement only the refused one fails
    const settled = await Promise.allSettled(['job', 'refused', 'job'].map((one) => queue.add(one, null)));
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(await queue.getJobCounts('waiting')).toMatchObject({ waiting: 3 });
    for (const i of [0, 1, 2]) await database.client.query(`drop trigger refuse on ${schema}.entry_${i}`);
  });

  it('of nothing does nothing', async () => {
    const queue = (await start()).queue(newQueue());
    expect(await queue.addBulk([])).toEqual([]);
  });
});

describe('add()s at the same time', () => {
  let pool: pg.Pool;
  let statements: string[];
  beforeAll(() => {
    ({ pool, statements } = countedPool(database.url, /add_jobs(_and_wake)?\(/));
  });
  afterAll(() => pool.end());

  it('share statements, and each gets an id and data of its own', async () => {
    const name = newQueue();
    const { queue: of } = await start({ options: { pool } });
    const queue = of<{ n: number }>(name);
    statements.length = 0;
    const jobs = await Promise.all(Array.from({ length: 500 }, (_, n) => queue.add(`job ${n % 5}`, { n })));
    expect(statements.length).toBeGreaterThan(0);
    expect(statements.length).toBeLessThanOrEqual(5);
    expect(new Set(jobs.map(({ id }) => id)).size).toBe(500);
    for (const [n, job] of jobs.entries()) {
      if (n % 50 > 0) continue;
      expect(await queue.getJob(job.id)).toMatchObject({ name: `job ${n % 5}`, data: { n } });
    }
  });

  it('in one tick: a refused one fails alone', async () => {
    const queue = (await start({ options: { pool } })).queue(newQueue());
    statements.length = 0;
    const settled = await Promise.allSettled([
      queue.add('a', 1),
      queue.add('b', 1n),
      queue.add('', 1),
      queue.add('c', 2),
    ]);
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled']);
    expect(statements).toHaveLength(1);
    expect(await queue.getJobCounts('waiting')).toMatchObject({ waiting: 2 });
  });
});

it('names may hold anything, but a queue’s no control characters: they are parameters, never SQL', async () => {
  const names = [
    `it's; drop table x; --`,
    'with "quotes" and spaces ',
    '😀 \n\t\\',
    `%s $1 ?`,
    '*',
    '__proto__',
    'a,b|{}\u001e',
  ];
  const queueOf = (name: string): string => name.replaceAll(/\p{Cc}/gu, '');
  for (const name of names) {
    const queueName = queueOf(name);
    const handler = processor(queueName, (job) => [job.queueName, job.name], {}, name);
    const { app, queue: of } = await start({ providers: [handler] });
    const queue = of(queueName);
    const job = await ended(queue, await queue.add(name, name, { uniqueKey: name }));
    expect(job.returnvalue).toEqual([queueName, name]);
    expect(job.data).toBe(name);
    await app.close();
  }
  expect(await (await start()).jobs.getQueues()).toEqual(expect.arrayContaining(names.map(queueOf)));
});

it('data comes back as JSON makes it, undefined as null', async () => {
  const queue = (await start()).queue(newQueue());
  const data = { text: 'ü"\\\u001e\u2028😀', at: new Date(0), gone: undefined, list: [undefined, 1e21, -0] };
  const job = await queue.add('job', data);
  expect((await queue.getJob(job.id))!.data).toEqual(JSON.parse(JSON.stringify(data)));
  expect((await queue.getJob((await queue.add('job', undefined)).id))!.data).toBeNull();
});
