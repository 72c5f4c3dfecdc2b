import { describe, expect, it } from 'vitest';
import { aWhile } from '../support/signals.js';
import { hasPgque } from './shim/install-pgque.js';
import { pgqueDatabase } from './shim/pgque-database.js';
import { pgqueApplications, pgqueConsumer } from './support/pgque-applications.js';

const database = pgqueDatabase();
const start = pgqueApplications(database);
const empty = pgqueDatabase({ installed: false });
const startOnEmpty = pgqueApplications(empty);

const handle = (): void => undefined;

async function refusal(starting: Promise<unknown>): Promise<unknown> {
  return starting.then(
    () => 'started',
    (error: unknown) => error,
  );
}

const pgque = { ticker: false, createQueues: true } as const;

describe.skipIf(!hasPgque)('a consumer of PgQue (a stand-in over PgQ) does not start', () => {
  it('in a database without PgQue', async () => {
    expect(await refusal(startOnEmpty({ providers: [pgqueConsumer('orders', handle)] }))).toMatchObject({
      code: 'PGQUEUE_PGQUE_UNAVAILABLE',
      message: expect.stringContaining(`has no schema 'pgque': install PgQue`),
    });
  });

  it('on something else in that schema, or an older version', async () => {
    await empty.main.rows('create schema pgque');
    try {
      expect(await refusal(startOnEmpty({ providers: [pgqueConsumer('orders', handle)] }))).toMatchObject({
        code: 'PGQUEUE_PGQUE_UNAVAILABLE',
      });
    } finally {
      await empty.main.rows('drop schema pgque');
    }
    await database.main.rows('alter function pgque.force_next_tick(text) rename to was');
    try {
      expect(await refusal(start({ providers: [pgqueConsumer('orders', handle)] }))).toMatchObject({
        code: 'PGQUEUE_PGQUE_UNAVAILABLE',
        message: expect.stringContaining('older than 0.2.0'),
      });
    } finally {
      await database.main.rows('alter function pgque.was(text) rename to force_next_tick');
    }
  });

  it('without its queue, unless that may be created; R42 by however many at once', async () => {
    const consumer = pgqueConsumer('not there', handle);
    expect(await refusal(start({ providers: [consumer] }))).toMatchObject({
      code: 'PGQUEUE_UNKNOWN_STREAM',
      message: expect.stringContaining(`select pgque.create_queue('not there')`),
    });
    await Promise.all(Array.from({ length: 6 }, async () => start({ providers: [consumer], options: { pgque } })));
    expect(await database.main.rows(`select * from pgque.get_consumer_info('not there')`)).toHaveLength(1);
  });

  it('with attempts that are not the queue’s', async () => {
    const queue = await database.main.queue([], { max_retries: '2' });
    expect(await refusal(start({ providers: [pgqueConsumer(queue, handle, { attempts: 6 })] }))).toMatchObject({
      code: 'PGQUEUE_INVALID_OPTIONS',
      path: 'attempts',
      message: expect.stringContaining(`'max_retries', '5'`),
    });
    await start({ providers: [pgqueConsumer(queue, handle, { attempts: 3 })] });
  });

  it('with what PgQue does not count', async () => {
    expect(
      await refusal(start({ providers: [pgqueConsumer('orders', handle, { maxStalledCount: 1 })] })),
    ).toMatchObject({
      code: 'PGQUEUE_INVALID_OPTIONS',
      path: 'maxStalledCount',
    });
  });

  it('for a role that may not consume', async () => {
    const { main } = database;
    const role = `plain_${process.pid}`;
    await main.rows(`create role ${role} login password 'x'`);
    await main.rows(`grant usage, create on schema pgqueue to ${role}; grant all on all tables in schema pgqueue to ${role};
      grant all on all sequences in schema pgqueue to ${role}; grant execute on all functions in schema pgqueue to ${role}`);
    const url = new URL(database.url);
    [url.username, url.password] = [role, 'x'];
    const options = { connection: url.href, pgque: { ticker: false } } as const;
    const queue = await main.queue();
    try {
      expect(await refusal(start({ providers: [pgqueConsumer(queue, handle)], options }))).toMatchObject({
        code: 'PGQUEUE_PGQUE_UNAVAILABLE',
        message: expect.stringContaining(`grant pgque_reader to "${role}"`),
      });
      await main.rows(`grant pgque_reader to ${role}`);
      await start({ providers: [pgqueConsumer(queue, handle)], options });
      const ticking = { ...options, pgque: { ticker: true } };
      expect(await refusal(start({ providers: [pgqueConsumer(queue, handle)], options: ticking }))).toMatchObject({
        code: 'PGQUEUE_PGQUE_UNAVAILABLE',
        message: expect.stringContaining('pgque_admin'),
      });
    } finally {
      await main.rows(`drop owned by ${role} cascade`);
    }
  });

  it('connects nowhere without a consumer', async () => {
    const { main } = database;
    const { app } = await start({ options: { pgque: {} } });
    await aWhile();
    expect(
      await main.value(`select count(*)::int from pg_locks where locktype = 'advisory' and database =
      (select oid from pg_database where datname = current_database())`),
    ).toBe(0);
    await app.close();
  });
});
