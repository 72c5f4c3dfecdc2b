import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PgQueueModule, StreamService } from '../../lib/index.js';
import { consumer, newStream } from '../support/consuming.js';
import type { TestDatabase } from '../support/database.js';
import { ended, newQueue, processor, testApplications } from '../support/running.js';
import { until } from '../support/signals.js';
import { freshDatabase } from './support/fresh-database.js';
import { snippets } from './support/markdown.js';

const database = freshDatabase();
const start = testApplications({ url: database.url, schema: 'pgqueue' } as TestDatabase);
const inDocuments = snippets('sql');

let client: pg.Client;

beforeAll(async () => {
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await client.query('begin');
  await client.query(PgQueueModule.migrationSql());
  await client.query('commit');
  // the application's own
  await client.query('create table users (id bigint generated always as identity, name text)');
});

afterAll(async () => {
  await client?.end();
});

/** Runs a snippet, looks at what it did, and leaves nothing. */
async function tried<T>(code: string, look: () => Promise<T>): Promise<T> {
  await client.query('begin');
  try {
    await client.query(code);
    return await look();
  } finally {
    await client.query('rollback');
  }
}

const added = async (): Promise<object[]> =>
  (
    await client.query(
      `select name, payload::jsonb as data, options, max_attempts from pgqueue.entry where queue_id > 0
       union all select name, payload::jsonb, options, max_attempts from pgqueue.delayed where queue_id > 0 order by max_attempts`,
    )
  ).rows;

const published = async (): Promise<object[]> =>
  (
    await client.query(
      `select substr(q.name, 2) as stream, e.type, e.payload::jsonb as data, e.key from pgqueue.event e
         join pgqueue.queue q on q.queue_id = e.stream_id where e.stream_id > 0`,
    )
  ).rows;

function snippet(part: string): string {
  const found = inDocuments.filter(({ code }) => code.includes(part));
  expect(found).toHaveLength(1);
  return found[0]!.code;
}

/** All of a process's maintenance, as a role. */
async function maintain(role: string): Promise<void> {
  const dead = randomUUID();
  // a process that has died with a job in hand, and some of each ring
  await client.query(
    `select pgqueue.register_worker('${dead}', 'host', 1, '{}', true);
     select pgqueue.add('left', 'job', 'null', '{"uniqueKey": "one", "jobId": "mine"}'), pgqueue.add('left', 'job', 'null', '{"delay": "1h"}');
     select pgqueue.subscribe(pgqueue.ensure_stream('left'), 'readers', 'start');
     select pgqueue.publish('left');`,
  );
  const { rows: queues } = await client.query("select queue_id from pgqueue.queue where name = 'left'");
  const id = queues[0].queue_id as number;
  await client.query(`select pgqueue.claim(${id}, '${dead}', 1, 10, 1000000, null, null, false)`);
  await client.query(`set role ${role}`);
  const pulse = (await client.query('select pulse from pgqueue.workers_seen() where worker = $1', [dead])).rows[0]
    .pulse;
  expect(await value(`pgqueue.worker_is_unheld('${dead}')`)).toBe(true);
  expect(await value(`pgqueue.bury_worker('${dead}', ${pulse}, false)`)).toBe(true);
  expect(await value(`pgqueue.recover_runs(${id}, '${dead}', '-infinity', 10)`)).toBe('({mine},{},0,f)');
  await client.query(`select pgqueue.retire_worker('${dead}'), pgqueue.purge_dead(${id}, 10), pgqueue.purge_drained()`);
  expect((await client.query('select * from pgqueue.orphans()')).rows).toEqual([]);
  const { rows: groups } = await client.query(
    "select queue_id from pgqueue.queue where kind = 'g' and name like 'left%'",
  );
  expect(await value(`pgqueue.check_group(${groups[0].queue_id}, 10)`)).toContain('left,readers,1,');
  await client.query('select pgqueue.note_streams()');
  expect(await value("pgqueue.take_task('dead')")).toBe(true);
  // leases come before the results whose segments they name
  const { rows: rings } = await client.query<{ ring: string; current: number }>(
    'select ring, current from pgqueue.ring order by ring',
  );
  for (const { ring, current } of rings) {
    expect([ring, await value(`pgqueue.rotate('${ring}', interval '0')`)]).toEqual([ring, true]);
    await client.query(`select pgqueue.settle('${ring}')`);
    expect([ring, await value(`pgqueue.reclaim('${ring}', ${current}, 10000)`)]).toEqual([ring, 'reclaimed']);
  }
  await client.query("select pgqueue.look_later('entry', 0, interval '1 second')");
  await client.query("select * from pgqueue.upkeep_due(1, 1, interval '1 second')");
  await client.query('reset role');
}

const value = async (call: string): Promise<unknown> => (await client.query(`select ${call} as value`)).rows[0].value;

describe('SQL in the documents', () => {
  it.each(inDocuments)('runs on a migrated database: $where', async ({ code }) => {
    expect(code.trim()).toMatch(/;$/);
    await tried(code, async () => undefined);
  });

  it('adds the jobs it says', async () => {
    expect(await tried(snippet('"uniqueKey": "welcome-bob"'), added)).toEqual([
      { name: 'welcome', data: { to: 'ada@example.com' }, options: null, max_attempts: 4 },
      {
        name: 'welcome',
        data: { to: 'bob@example.com' },
        options: { delay: 300_000, uniqueKey: 'welcome-bob' },
        max_attempts: 4,
      },
    ]);
  });

  it('publishes the events it says', async () => {
    expect(await tried(snippet("publish('orders'"), published)).toEqual([
      { stream: 'orders', type: 'order.placed', data: { orderId: '7' }, key: 'ada' },
    ]);
    expect(await tried(snippet('publish_user'), published)).toEqual([
      {
        stream: 'users',
        type: 'user.insert',
        data: { id: expect.any(Number), name: 'Ada' },
        key: expect.stringMatching(/^\d+$/),
      },
    ]);
  });

  it('of the trigger adds a job for a new row', async () => {
    expect(await tried(snippet('create trigger welcome'), added)).toEqual([
      {
        name: 'welcome',
        data: { userId: expect.any(Number) },
        options: { backoff: { type: 'fixed', delay: 30_000 } },
        max_attempts: 10,
      },
    ]);
  });

  it('grants a role all that an application needs', async () => {
    const role = `app_${process.pid}_${Date.now()}`;
    await client.query(snippet('create role app_worker').replaceAll('app_worker', role));
    try {
      const queueName = newQueue('rights');
      let broken = true;
      const handler = processor(queueName, () => {
        if (broken) throw new Error('broken');
        return 'done';
      });
      const connection = { connectionString: database.url, options: `-c role=${role}` };
      // as if it had been restored from another cluster's dump: starting adopts it
      await client.query('update pgqueue.installation set system_identifier = 1');
      const stream = newStream();
      const seen: number[] = [];
      const reader = consumer(
        stream,
        ({ data, retryCount }) => {
          seen.push(data);
          if (data === 2 && retryCount === 0) throw new Error('broken');
        },
        { hold: 'key', retryDelay: 10 },
      );
      const { app, queue: of } = await start({
        providers: [handler, reader],
        options: { connection, migrations: 'check' },
      });
      const { rows: adopted } = await client.query('select from pgqueue.installation where system_identifier = 1');
      expect(adopted).toEqual([]);
      const queue = of(queueName);
      const job = await queue.add('job', null, { attempts: 2, backoff: 1, uniqueKey: 'one', jobId: 'mine' });
      expect(await (await ended(queue, job)).getState()).toBe('failed');
      broken = false;
      expect(await queue.retryJobs({ all: true })).toBe(1);
      expect((await ended(queue, job)).returnvalue).toBe('done');
      expect(await queue.remove(job.id)).toBe(true);
      await ended(queue, await queue.add('job', null, { delay: 20 }));
      const waiting = await queue.add('job', null, { delay: '1h' });
      await waiting.updateData({ other: true });
      await waiting.changePriority(3);
      await queue.pause();
      await waiting.promote();
      expect(await waiting.cancel()).toBe(true);
      await queue.add('job', null);
      expect(await queue.drain(true)).toBe(1);
      await queue.resume();
      expect(await queue.clean(0, 10, 'failed')).toEqual([waiting.id]);
      const streams = app.get(StreamService);
      await streams.publish(stream, { data: 1 });
      await streams.publishBulk(
        stream,
        [1, 2, 3].map((n) => ({ data: n, key: 'k' })),
      );
      await until('the events to be handled', () => seen.length === 5);
      expect(await streams.read(stream)).toHaveLength(4);
      await streams.seek(stream, 'g', 'end');
      await until('nothing to be left', async () => (await streams.lag(stream))['g'] === 0);
      await app.close();
      await maintain(role);
      // it is these rights that it works by
      await client.query(`revoke usage on schema pgqueue from ${role}`);
      await expect(start({ options: { connection, migrations: 'check' } })).rejects.toThrow(/permission denied/);
    } finally {
      await client.query('reset role');
      await client.query(`drop owned by ${role}`);
      await client.query(`drop role ${role}`);
    }
  });
});
