import pg from 'pg';
import { afterEach, expect, it } from 'vitest';
import { PgConnection } from '../../lib/engine/postgres/connection.js';
import { longWork } from '../../lib/engine/postgres/long-work.js';
import { resolveModuleOptions } from '../../lib/pg-queue.options.js';
import { testDatabase } from '../support/database.js';
import { aWhile, deferred } from '../support/signals.js';

const database = testDatabase({ migrated: true });
const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

/** A connection whose statements that cancel others are sent when `gate` says so. */
function connected(max: number) {
  const gate = deferred();
  const asked = deferred();
  const pool = new pg.Pool({ connectionString: database.url, max });
  closing.push(async () => pool.end());
  pool.on('connect', (client) => {
    const query = client.query.bind(client) as (...args: unknown[]) => unknown;
    const passing = (text: unknown, ...more: unknown[]): unknown => {
      if (!String(text).includes('pg_cancel_backend')) return query(text, ...more);
      asked.resolve();
      return gate.promise.then(() => query(text, ...more));
    };
    Object.assign(client, { query: passing });
  });
  const connection = new PgConnection(
    resolveModuleOptions({ pool, schema: database.schema, logger: false, connectTimeout: 5_000 }),
  );
  closing.push(async () => connection.close());
  return { connection, gate, asked };
}

it('is cancelled on the server', async () => {
  const { connection, gate } = connected(2);
  gate.resolve();
  const stop = new AbortController();
  const began = performance.now();
  const working = longWork(connection, async (client) => client.query('select pg_sleep(10)'), stop.signal);
  setTimeout(() => stop.abort(), 100);
  await expect(working).rejects.toMatchObject({ code: '57014' });
  expect(performance.now() - began).toBeLessThan(5_000);
});

it('that ends while it is being cancelled keeps its client until that is over: it would hit another’s statement', async () => {
  const { connection, gate, asked } = connected(2);
  const stop = new AbortController();
  const working = longWork(
    connection,
    async () => {
      stop.abort();
      await asked.promise;
      return 'done';
    },
    stop.signal,
  );
  // whoever gets the client next
  const next = working.then(async () => connection.query('select pg_sleep(0.5)'));
  await aWhile(100);
  gate.resolve();
  expect(await working).toBe('done');
  await expect(next).resolves.toHaveLength(1);
});

it('that ends before a client was free to cancel it does not wait for one, nor is anything cancelled then', async () => {
  const { connection, gate } = connected(1);
  gate.resolve();
  const stop = new AbortController();
  const began = performance.now();
  await longWork(
    connection,
    async () => {
      stop.abort();
      await aWhile(50);
    },
    stop.signal,
  );
  expect(performance.now() - began).toBeLessThan(3_000);
  expect(await connection.query('select pg_sleep(0.2)')).toHaveLength(1);
});
