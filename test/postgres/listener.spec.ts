import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterEach, describe, expect, it } from 'vitest';
import { PgConnection } from '../../lib/engine/postgres/connection.js';
import { PostgresListener } from '../../lib/engine/postgres/postgres-listener.js';
import type { Wake } from '../../lib/engine/wake-up.interface.js';
import { resolveModuleOptions } from '../../lib/pg-queue.options.js';
import { RecordingLogger } from '../support/application.js';
import { testDatabase } from '../support/database.js';
import { faultProxy } from '../support/fault-proxy.js';
import { until } from '../support/signals.js';

const database = testDatabase({ migrated: true });
const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

/** A listener that has been started, and what it has said and heard. */
async function listening(
  url = database.url,
  { enabled = true, ...options }: { enabled?: boolean; listen?: string; pool?: pg.Pool } = {},
) {
  const connection = new PgConnection(
    resolveModuleOptions({
      ...(options.pool === undefined && { connection: url }),
      schema: database.schema,
      logger: false,
      connectTimeout: 1000,
      ...options,
    }),
  );
  closing.push(async () => connection.close());
  const log = new RecordingLogger();
  const listener = new PostgresListener(connection, { enabled, log });
  closing.push(async () => listener.stop());
  const heard: Wake[] = [];
  const looks = { count: 0 };
  const worker = randomUUID();
  listener.start(worker, { onWake: (wake) => heard.push(wake), onListening: () => looks.count++ });
  if (enabled && url === database.url) await until('it to listen', () => listener.listening);
  return { listener, log, heard, looks, worker };
}

const notify = async (payload: string) =>
  database.client.query('select pg_notify($1, $2)', [`${database.schema}_wake`, payload]);
const lockHolder = async (worker: string): Promise<number | undefined> => {
  const { rows } = await database.client.query<{ pid: number }>(
    `select pid from pg_locks, (select ${database.schema}.lock_key('worker', $1) as key) k
      where locktype = 'advisory' and mode = 'ShareLock'
        and classid::bigint = (key >> 32) & 4294967295 and objid::bigint = key & 4294967295`,
    [worker],
  );
  return rows[0]?.pid;
};

describe('a listener', () => {
  it('hears which queue has something in which lane, or something due, and nothing else', async () => {
    const { heard, listener, looks } = await listening();
    expect([listener.listening, looks.count]).toEqual([true, 1]);
    for (const payload of ['nonsense', '7:3', '8:-4:o', '9:d:1234', '7:']) await notify(payload);
    await until('the last one to be heard', () => heard.length === 3);
    expect(heard).toEqual([
      { queueId: 7, lane: 3, mayBeOpen: false },
      { queueId: 8, lane: -4, mayBeOpen: true },
      { queueId: 9, dueAt: 1234 },
    ]);
  });

  it("holds its worker's lock for as long as its session lives", async () => {
    const { listener, worker } = await listening();
    expect(await lockHolder(worker)).toBeDefined();
    await listener.stop();
    await until('the lock to be free', async () => (await lockHolder(worker)) === undefined);
  });

  it('listens again after its session was ended, holds the lock again, and has everything looked at', async () => {
    const { listener, heard, looks, log, worker } = await listening();
    for (const times of [2, 3]) {
      await database.client.query('select pg_terminate_backend($1)', [await lockHolder(worker)]);
      await until('it to listen again', () => looks.count === times && listener.listening);
      expect(await lockHolder(worker)).toBeDefined();
      await notify(`1:${times}`);
      await until('the notification', () => heard.some((wake) => 'lane' in wake && wake.lane === times));
    }
    expect(log.texts('warn')).toHaveLength(2);
  });

  it('starts without a database that answers, says so once, and listens when it does', async () => {
    const proxy = await faultProxy(database.url);
    closing.push(async () => proxy.close());
    proxy.mode = 'refuse';
    const { listener, log, looks } = await listening(proxy.url);
    expect(listener.listening).toBe(false);
    await until('it to have tried and said so', () => log.texts('warn').length > 0);
    proxy.mode = 'pass';
    await until('it to listen', () => listener.listening);
    expect(looks.count).toBe(1);
    expect(log.texts('warn')).toHaveLength(1);
  });

  it('that is turned off opens no connection', async () => {
    const proxy = await faultProxy(database.url);
    closing.push(async () => proxy.close());
    const { listener, looks } = await listening(proxy.url, { enabled: false });
    expect([listener.listening, looks.count, proxy.connections]).toEqual([false, 0, 0]);
    await listener.stop();
  });

  it('stops in the middle of connecting', async () => {
    const proxy = await faultProxy(database.url);
    closing.push(async () => proxy.close());
    proxy.mode = 'blackhole';
    const { listener } = await listening(proxy.url);
    await until('it to connect', () => proxy.connections === 1);
    await listener.stop();
    expect(listener.listening).toBe(false);
  });

  it('that is started again while somebody stops it, though it has stopped, can be stopped then', async () => {
    const { listener, worker } = await listening();
    await listener.stop();
    const stopped = listener.stop();
    listener.start(worker, { onWake: () => undefined, onListening: () => undefined });
    await stopped;
    await until('it to listen', () => listener.listening);
    await listener.stop();
    expect(listener.listening).toBe(false);
  });

  it('stops in the middle of a dead connection', async () => {
    const proxy = await faultProxy(database.url);
    closing.push(async () => proxy.close());
    const { listener } = await listening(database.url, { listen: proxy.url });
    proxy.mode = 'blackhole';
    const query = listener.query('select 1').catch((error: unknown) => error);
    await listener.stop();
    expect(await query).toMatchObject({ message: 'stopping' });
    await until('its socket to be closed', () => proxy.connections === 0);
  });

  it('stops when a dead path swallows its first statement', async () => {
    const proxy = await faultProxy(database.url);
    closing.push(async () => proxy.close());
    let swallowed = false;
    proxy.onSent = (data) => {
      swallowed ||= data.includes('pg_is_in_recovery');
      return !swallowed;
    };
    const { listener } = await listening(proxy.url);
    await until('it to be swallowed', () => swallowed);
    await listener.stop();
    expect(listener.listening).toBe(false);
  });

  it('that was interrupted, and then hears nothing, says both: the one does not explain the other', async () => {
    const pool = new pg.Pool({ connectionString: database.url });
    closing.push(async () => pool.end());
    let swallows = false;
    pool.on('connect', (client) => {
      const query = client.query.bind(client) as (...args: unknown[]) => unknown;
      const passing = (text: unknown, ...more: unknown[]): unknown =>
        query(swallows && String(text).includes('pg_notify') ? 'select $1::text, $2::text' : text, ...more);
      Object.assign(client, { query: passing });
    });
    const { log, worker } = await listening(database.url, { pool });
    swallows = true;
    await database.client.query('select pg_terminate_backend($1)', [await lockHolder(worker)]);
    await until('it to find out', () => log.texts('warn').length === 2, 15_000);
    expect(log.texts('warn')).toEqual([
      expect.stringContaining('interrupted'),
      expect.stringContaining('hears nothing'),
    ]);
  }, 30_000);

  it('carries a statement when the pool has no client left, and none when it does not listen', async () => {
    const pool = new pg.Pool({ connectionString: database.url, max: 1 });
    closing.push(async () => pool.end());
    const { listener } = await listening(database.url, { pool });
    const taken = await pool.connect();
    const answers = await Promise.all([1, 2, 3].map((n) => listener.query('select $1::int as n', [n])));
    expect(answers.flat()).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
    await expect(listener.query('select 1/0')).rejects.toMatchObject({ code: '22012' });
    expect(await listener.query('select 4 as n')).toEqual([{ n: 4 }]);
    taken.release();
    await listener.stop();
    await expect(listener.query('select 1')).rejects.toMatchObject({ mayHaveCommitted: false });
  });
});
