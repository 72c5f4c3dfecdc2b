import type { Client } from 'pg';
import pg from 'pg';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Queue } from '../../lib/index.js';
import { testDatabase } from '../support/database.js';
import { ended, newQueue, processor, testApplications } from '../support/running.js';
import { aWhile, until } from '../support/signals.js';

const database = testDatabase();
const start = testApplications(database);

let queue: Queue;
let ran: unknown[];
let tx: Client;

beforeEach(async () => {
  const name = newQueue();
  ran = [];
  // an hour between polls: what runs has been told of
  const handler = processor(name, (job) => void ran.push(job.data), { pollInterval: '1h' });
  queue = (await start({ providers: [handler] })).queue(name);
  await ended(queue, await queue.add('job', 'first'));
  ran.length = 0;
  tx = await database.connect();
  await tx.query('begin');
});

describe('a job added in a transaction', () => {
  it('is invisible until it commits, and runs then', async () => {
    const job = await queue.add('job', 'in tx', { tx });
    await aWhile();
    expect(ran).toEqual([]);
    expect(await job.getState()).toBe('unknown');
    await tx.query('commit');
    await ended(queue, job);
    expect(ran).toEqual(['in tx']);
  });

  it('that is rolled back never runs', async () => {
    const job = await queue.add('job', 'rolled back', { tx });
    await queue.addBulk([{ name: 'job', data: 'rolled back too' }], { tx });
    await tx.query('rollback');
    await ended(queue, await queue.add('job', 'after'));
    await aWhile();
    expect(ran).toEqual(['after']);
    expect(await job.getState()).toBe('unknown');
  });

  it('back to a savepoint only: what was added after it never runs, what was added before does', async () => {
    const before = await queue.add('job', 'before', { tx });
    await tx.query('savepoint s');
    await queue.add('job', 'after', { tx });
    await tx.query('rollback to s');
    const later = await queue.add('job', 'later', { tx });
    await tx.query('commit');
    await ended(queue, before);
    await ended(queue, later);
    expect(ran.map(String).toSorted()).toEqual(['before', 'later']);
  });

  it('that stays open while the worker was woken by another is not forgotten: no poll is needed', async () => {
    const other = await database.connect();
    await other.query('begin');
    // a queue is notified about once in 20 ms: what `tx` adds carries no notification of its own
    const woken = await queue.add('job', 'two', { tx: other });
    const open = await queue.add('job', 'one', { tx });
    await other.query('commit');
    await ended(queue, woken);
    expect(ran).toEqual(['two']);
    // longer than any wake-up is made up for
    await aWhile(200);
    await tx.query('commit');
    await ended(queue, open);
    expect(ran).toEqual(['two', 'one']);
  });

  it('that stays open does not hold up jobs that are added meanwhile', async () => {
    const open = await queue.add('job', 'open', { tx });
    for (let i = 0; i < 20; i++) await ended(queue, await queue.add('job', i));
    expect(ran).toEqual(Array.from({ length: 20 }, (_, i) => i));
    await tx.query('commit');
    await ended(queue, open);
    expect(ran.at(-1)).toBe('open');
  });

  it('is refused with bad data before any SQL: the transaction goes on', async () => {
    await expect(queue.add('job', { n: 1n }, { tx })).rejects.toMatchObject({ code: 'PGQUEUE_INVALID_JOB' });
    const job = await queue.add('job', 'good', { tx });
    await tx.query('commit');
    await ended(queue, job);
    expect(ran).toEqual(['good']);
  });

  it('whose unique key is taken returns the first, and does not poison the transaction', async () => {
    const first = await queue.add('job', 'first', { uniqueKey: 'k', delay: '1h' });
    const second = await queue.add('job', 'second', { tx, uniqueKey: 'k' });
    expect([second.id, second.deduplicated, second.data]).toEqual([first.id, true, 'first']);
    const other = await queue.add('job', 'other', { tx });
    await tx.query('commit');
    await ended(queue, other);
    expect(ran).toEqual(['other']);
  });
});

it('addBulk in a transaction exists exactly when that commits', async () => {
  const jobs = await queue.addBulk(
    Array.from({ length: 6000 }, (_, i) => ({ name: 'job', data: i })),
    { tx },
  );
  await aWhile();
  expect(ran).toEqual([]);
  await tx.query('commit');
  await until('all to run', () => ran.length === 6000);
  expect(new Set(jobs.map(({ id }) => id)).size).toBe(6000);
});

it('a client whose BEGIN has not been answered yet is in its transaction', async () => {
  const client = await database.connect();
  void client.query('begin');
  await queue.add('job', 'rolled back', { tx: client });
  await client.query('rollback');
  await ended(queue, await queue.add('job', 'after'));
  expect(ran).toEqual(['after']);
});

it.each([
  ['a pool', async () => new pg.Pool()],
  ['a client without a transaction', async () => database.connect()],
  ['a client whose transaction has ended', async () => tx.query('commit').then(() => tx)],
  ['an object', async () => ({})],
  ['null', async () => null],
])('%s is refused as tx, and nothing is written', async (_, make) => {
  const refused = { code: 'PGQUEUE_INVALID_TRANSACTION' };
  await expect(queue.add('job', 'no tx', { tx: (await make()) as never })).rejects.toMatchObject(refused);
  await ended(queue, await queue.add('job', 'after'));
  expect(ran).toEqual(['after']);
});
