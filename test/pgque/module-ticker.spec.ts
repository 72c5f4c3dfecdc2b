import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { StreamEvent } from '../../lib/index.js';
import { PostgresPgqueUpkeepEngine } from '../../lib/engine/pgque/pgque-upkeep.engine.js';
import { PgConnection } from '../../lib/engine/postgres/connection.js';
import { resolveModuleOptions } from '../../lib/pg-queue.options.js';
import { buildChild, Child } from '../support/child.js';
import { aWhile, until } from '../support/signals.js';
import { hasPgque } from './shim/install-pgque.js';
import { pgqueDatabase } from './shim/pgque-database.js';
import { pgqueApplications, pgqueConsumer, sendMany } from './support/pgque-applications.js';

const database = pgqueDatabase();
const start = pgqueApplications(database);
const always = { pgque: { ticker: true } };
const auto = { pgque: { ticker: 'auto' } } as const;

/** A queue that is ticked as soon as there is something in it, which is not the first event (T6). */
async function quickQueue(consumers: string[] = [], config: Record<string, string> = {}): Promise<string> {
  const queue = await database.main.queue(consumers, { ticker_max_count: '1', ...config });
  await database.main.send(queue, '0');
  await database.main.tick(queue);
  return queue;
}

let connection: PgConnection;
let engine: PostgresPgqueUpkeepEngine;
const children: Child[] = [];

beforeAll(() => {
  if (!hasPgque) return;
  connection = new PgConnection(resolveModuleOptions({ connection: database.url, logger: false }));
  engine = new PostgresPgqueUpkeepEngine(connection);
});

afterEach(async () => {
  for (const child of children.splice(0)) {
    child.kill();
    await child.exited;
  }
});

afterAll(async () => connection?.close());

describe.skipIf(!hasPgque)('the module as the ticker of PgQue (a stand-in over PgQ)', () => {
  it('R44 ticks, hands out again and rotates, where nobody else does', async () => {
    const { main } = database;
    const queue = await quickQueue([], { rotation_period: '1 ms' });
    const seen: [number, number][] = [];
    const handle = ({ data, retryCount }: StreamEvent): void => {
      seen.push([data, retryCount]);
      if (data === 2 && retryCount === 0) throw new Error('not yet');
    };
    const switched = async (): Promise<string> =>
      main.value(`select queue_cur_table from pgque.queue where queue_name = $1 and queue_switch_step2 is not null`, [
        queue,
      ]);
    const before = await switched();
    await start({ providers: [pgqueConsumer(queue, handle, { retryDelay: 0 })], options: always });
    await main.send(queue, '1', '2');
    await until('the second delivery', () => seen.some(([data, retryCount]) => data === 2 && retryCount === 1));
    expect(seen).toEqual([
      [1, 0],
      [2, 0],
      [2, 1],
    ]);
    await until('both halves of a rotation', async () => (await switched()) !== before);
  });

  it('R43 hands out again all that is due in one cycle', async () => {
    const { main } = database;
    const queue = await quickQueue();
    const again = new Set<number>();
    const handle = ({ data, retryCount }: StreamEvent): void => {
      if (retryCount === 0) throw new Error('not yet');
      again.add(data);
    };
    await start({ providers: [pgqueConsumer(queue, handle, { retryDelay: 0 })], options: always });
    await sendMany(main, queue, 500);
    // ten in a cycle of a second would be 50 s
    await until('all to come again', () => again.size === 500, 15_000);
    expect(again.size).toBe(500);
  });

  it('R44 goes on with the other queues when one fails, and says so once', async () => {
    const { main } = database;
    const broken = await quickQueue();
    const queue = await quickQueue();
    // as a dump that was restored in a cluster that is behind
    await main.rows(
      `update pgque.tick set tick_snapshot = '9000000000:9000000000:' where tick_queue =
       (select queue_id from pgque.queue where queue_name = $1)`,
      [broken],
    );
    try {
      const seen: number[] = [];
      const { logger } = await start({
        providers: [pgqueConsumer(queue, ({ data }) => seen.push(data))],
        options: always,
      });
      for (const n of [1, 2, 3]) {
        await main.send(queue, String(n));
        await until(`event ${n}`, () => seen.includes(n));
      }
      expect(logger.texts('error').filter((text) => text.includes('could not be ticked'))).toEqual([
        expect.stringContaining(`'${broken}' could not be ticked: Invalid PgQ state`),
      ]);
    } finally {
      await main.call('drop_queue', broken, true);
    }
  });

  it('R34 ticks a queue once at a time: while somebody does, others do nothing', async () => {
    const { main } = database;
    const queue = await quickQueue();
    const slow = await database.session();
    await main.send(queue, '1');
    await slow.rows('begin');
    await slow.rows(`select pg_advisory_xact_lock(hashtextextended('pgque tick ' || $1, 0))`, [queue]);
    expect(await engine.tick(queue)).toBeUndefined();
    await slow.rows('commit');
    expect(await engine.tick(queue)).toMatch(/^\d+$/);
  });

  it('R34 takes the snapshot of a tick after the lock: what waited for it is no older', async () => {
    const { main } = database;
    const queue = await quickQueue(['consumer']);
    const sending = Array.from({ length: 400 }, (_, i) => i);
    const ticking = { on: true };
    const tickers = Array.from({ length: 6 }, async () => {
      while (ticking.on) await engine.tick(queue);
    });
    for (const n of sending) await main.send(queue, String(n));
    ticking.on = false;
    await Promise.all(tickers);
    await main.tick(queue);
    expect((await main.drain(queue)).map(({ payload }) => Number(payload))).toEqual([0, ...sending]);
    expect(
      await main.value(
        `select count(*)::int from (select txid_snapshot_xmax(tick_snapshot) as xmax,
           max(txid_snapshot_xmax(tick_snapshot)) over (order by tick_id) as newest
         from pgque.tick join pgque.queue on queue_id = tick_queue where queue_name = $1) t where xmax < newest`,
        [queue],
      ),
    ).toBe(0);
  });

  it('R44 is one process at a time, and another when that is killed', { timeout: 30_000 }, async () => {
    const { main } = database;
    await main.rows('create table if not exists handled (id serial, n int, pid int)');
    const queue = await quickQueue();
    const file = await buildChild('pgque-consumer');
    for (let i = 0; i < 2; i++) {
      const child = new Child(file, { DATABASE_URL: database.url, QUEUE: queue, TICKER: 'true' });
      children.push(child);
      await child.said('ready');
    }
    const leaders = async (): Promise<number[]> =>
      (
        await main.rows<{ pid: number }>(
          `select pid from pg_locks, hashtextextended('pgque ticker', 0) as key where locktype = 'advisory' and granted
             and database = (select oid from pg_database where datname = current_database())
             and objid::bigint = key & 4294967295 and classid::bigint = (key >> 32) & 4294967295`,
        )
      ).map(({ pid }) => pid);
    const handled = async (): Promise<number> => main.value('select count(*)::int from handled');
    await main.send(queue, '1');
    await until('the first', async () => (await handled()) === 1);
    const [first, ...others] = await leaders();
    expect(others).toEqual([]);
    // the one that was started first, as its lock was free then
    children[0]!.process.kill('SIGKILL');
    await until('the other to lead', async () => {
      const [now] = await leaders();
      return now !== undefined && now !== first;
    });
    await main.send(queue, '2');
    await until('the second', async () => (await handled()) === 2);
  });

  it("R44 'auto': begins when a tick is overdue, and ends when somebody else ticks", { timeout: 40_000 }, async () => {
    const { main } = database;
    const queue = await quickQueue([], {
      ticker_max_lag: '100 ms',
      ticker_idle_period: '200 ms',
      ticker_max_count: '1',
    });
    const seen: number[] = [];
    const { app, logger } = await start({
      providers: [pgqueConsumer(queue, ({ data }) => seen.push(data))],
      options: auto,
    });
    // somebody ticks
    for (let i = 0; i < 4; i++) {
      await main.tick(queue);
      await aWhile(500);
    }
    expect(logger.texts('log')).toEqual([]);
    // and then nobody
    await main.send(queue, '1');
    await until('the first', () => seen.length === 1, 20_000);
    expect(logger.texts('log')).toEqual([expect.stringContaining('Nobody ticks PgQue')]);
    // another takes its place at once, and knows why
    const next = await start({ providers: [pgqueConsumer(queue, ({ data }) => seen.push(data))], options: auto });
    await aWhile(1500);
    await app.close();
    await main.send(queue, '2');
    await until('the second', () => seen.length === 2);
    expect(next.logger.texts('log')).toEqual([]);
    await main.tick(queue);
    await until('it to end', () => next.logger.texts('log').length === 1);
    expect(next.logger.texts('log')[0]).toContain(`Somebody else ticks PgQue's '${queue}'`);
  });
});
