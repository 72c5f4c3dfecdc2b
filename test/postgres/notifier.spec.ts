import pg from 'pg';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { PoolConfig } from 'pg';
import { PgConnection } from '../../lib/engine/postgres/connection.js';
import { Notifier } from '../../lib/engine/postgres/notifier.js';
import { PostgresJobEngine } from '../../lib/engine/postgres/postgres-job.engine.js';
import { QueueIds } from '../../lib/engine/postgres/queue-ids.js';
import { resolveModuleOptions } from '../../lib/pg-queue.options.js';
import { testDatabase } from '../support/database.js';
import { draft } from '../support/engine.js';
import { until } from '../support/signals.js';

const database = testDatabase({ migrated: true });
const closing: (() => Promise<unknown>)[] = [];
let heard: string[];
beforeEach(async () => {
  heard = [];
  const listener = await database.connect();
  listener.on('notification', ({ payload }) => heard.push(payload!));
  await listener.query(`listen ${database.schema}_wake`);
  closing.push(async () => listener.query('unlisten *'));
});
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

interface Producer {
  readonly engine: PostgresJobEngine;
  /** What it has sent. */
  readonly statements: string[];
}

async function producer(config: PoolConfig = {}): Promise<Producer> {
  const statements: string[] = [];
  const pool = new pg.Pool({ connectionString: database.url, ...config });
  pool.on('connect', (client) => {
    const query = client.query.bind(client) as (...args: unknown[]) => unknown;
    const recording = (...args: unknown[]): unknown => {
      statements.push(typeof args[0] === 'string' ? args[0] : (args[0] as { text: string }).text);
      return query(...args);
    };
    Object.assign(client, { query: recording });
  });
  const connection = new PgConnection(resolveModuleOptions({ schema: database.schema, logger: false, pool }));
  closing.push(
    async () => pool.end(),
    async () => connection.close(),
  );
  await connection.start();
  const engine = new PostgresJobEngine(
    connection,
    new QueueIds(connection),
    new Notifier(connection, { alongTransactions: true }),
  );
  await engine.add('mail', [draft()]);
  await until('the first', () => heard.length > 0);
  heard.length = 0;
  statements.length = 0;
  return { engine, statements };
}

const inLanes = (...lanes: number[]): unknown[] => lanes.map((lane) => expect.stringMatching(new RegExp(`:${lane}$`)));
const pause = async (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 10));

it('a job that is added alone is announced by the statement that adds it', async () => {
  const { engine, statements } = await producer();
  await pause();
  await engine.add('mail', [draft()]);
  await until('the notification', () => heard.length > 0);
  expect(heard).toEqual(inLanes(0));
  expect(statements).toEqual([expect.stringMatching(/^call .*add_jobs_and_wake/)]);
});

it('whatever is added in quick succession is announced, in fewer notifications', async () => {
  const { engine, statements } = await producer();
  const priorities = Array.from({ length: 40 }, (_, i) => i);
  await Promise.all(priorities.map(async (priority) => engine.add('mail', [draft({ priority })])));
  await until('all of them', () => new Set(heard).size === 40);
  const announced = statements.filter((text) => /add_jobs_and_wake|notify_once/.test(text));
  expect(announced.length).toBeGreaterThan(0);
  expect(announced.length).toBeLessThan(40);
});

it.each([
  ['where each statement needs a transaction block', '-c default_transaction_isolation=serializable'],
  ['where the server has many notifications to deliver', '-c search_path=crowded,pg_catalog'],
])('%s, it is announced by another statement', async (_, options) => {
  await database.client.query(`create schema if not exists crowded`);
  await database.client.query(
    `create or replace function crowded.pg_notification_queue_usage() returns float8 language sql as $$ select 0.6 $$`,
  );
  const { engine, statements } = await producer({ options });
  await pause();
  await engine.add('mail', [draft()]);
  await until('the notification', () => heard.length > 0);
  expect(heard).toEqual(inLanes(0));
  expect(statements.filter((text) => text.includes('.notify_once('))).toHaveLength(1);
  await database.client.query('drop schema crowded cascade');
});

it('one that waits for a unique key keeps no announcement of others', async () => {
  const { engine } = await producer();
  const blocker = await database.connect();
  await blocker.query('begin');
  await engine.add('mail', [draft({ uniqueKey: 'k' })], blocker);
  await Promise.all([engine.add('mail', [draft({ priority: 1 })]), engine.add('mail', [draft({ priority: 2 })])]);
  await pause();
  const waiting = engine.add('mail', [draft({ uniqueKey: 'k' })]);
  await Promise.all([engine.add('mail', [draft({ priority: 3 })]), engine.add('mail', [draft({ priority: 4 })])]);
  await until('the others', () =>
    ['1', '2', '3', '4'].every((lane) => heard.some((text) => text.endsWith(`:${lane}`))),
  );
  await blocker.query('rollback');
  expect(await waiting).toHaveLength(1);
});
