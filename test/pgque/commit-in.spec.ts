import pg from 'pg';
import { afterEach, describe, expect, it } from 'vitest';
import type { StreamEvent } from '../../lib/index.js';
import { until } from '../support/signals.js';
import { hasPgque } from './shim/install-pgque.js';
import { pgqueDatabase } from './shim/pgque-database.js';
import {
  isDone,
  pgqueApplications,
  pgqueBatches,
  pgqueConsumer,
  retries,
  untilDone,
} from './support/pgque-applications.js';

const database = pgqueDatabase();
const start = pgqueApplications(database);
const clients: pg.Client[] = [];

afterEach(async () => {
  await Promise.all(clients.splice(0).map(async (client) => client.end()));
});

async function connect(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: database.url });
  // one of them is cut
  client.on('error', () => undefined);
  await client.connect();
  clients.push(client);
  return client;
}

async function effects(): Promise<number[]> {
  return (await database.main.rows<{ n: number }>('select n from effect order by 1')).map(({ n }) => n);
}

describe.skipIf(!hasPgque)('commitIn() on PgQue (a stand-in over PgQ)', () => {
  it('R51 commits a batch with its effects: a crash between the two has neither, and then both, once', async () => {
    const { main } = database;
    await main.rows('create table if not exists effect (n int)');
    const queue = await main.queue();
    await main.send(queue, '1', '2');
    await main.tick(queue);
    let runs = 0;
    const consumer = pgqueBatches(
      queue,
      async (events, context) => {
        const client = await connect();
        await client.query('begin');
        for (const { data } of events) await client.query('insert into effect values ($1)', [data]);
        await context.commitIn(client);
        if (++runs === 1) {
          await main.rows(`select pg_terminate_backend(pid) from pg_stat_activity where state = 'idle in transaction'
            and datname = current_database()`);
        }
        await client.query('commit');
      },
      { pollInterval: 100, retryDelay: 0 },
    );
    const { logger } = await start({ providers: [consumer] });
    await until('the first to fail', async () => (await retries(main, queue)).length === 2);
    expect(await effects()).toEqual([]);
    await main.retryAll(queue);
    await until('the second', () => runs === 2);
    await untilDone(main, queue);
    expect(await effects()).toEqual([1, 2]);
    expect(logger.texts('error')).toEqual([]);
  });

  it('R51 delivers a batch again whose transaction was rolled back without the handler failing', async () => {
    const { main } = database;
    const queue = await main.queue();
    await main.send(queue, '1');
    await main.tick(queue);
    let runs = 0;
    const consumer = pgqueBatches(
      queue,
      async (_events, context) => {
        const client = await connect();
        await client.query('begin');
        await context.commitIn(client);
        await client.query(++runs === 1 ? 'rollback' : 'commit');
      },
      { pollInterval: 100 },
    );
    const { logger } = await start({ providers: [consumer] });
    await until('the second', () => runs === 2);
    await untilDone(main, queue);
    expect(logger.texts('error')).toEqual([expect.stringContaining('rolled back after commitIn()')]);
  });

  it('refuses a batch that another process has ended meanwhile', async () => {
    const { main } = database;
    const queue = await main.queue();
    await main.send(queue, '1');
    await main.tick(queue);
    const errors: Error[] = [];
    const consumer = pgqueBatches(queue, async (_events, context) => {
      await main.call(
        'ack',
        await main.value('select current_batch from pgque.get_consumer_info($1, $2)', [queue, 'consumer']),
      );
      const client = await connect();
      await client.query('begin');
      await context.commitIn(client).catch((error: Error) => errors.push(error));
      await client.query('rollback');
    });
    await start({ providers: [consumer] });
    await untilDone(main, queue);
    await until('the refusal', () => errors.length === 1);
    expect(errors[0]).toMatchObject({ code: 'PGQUEUE_LEASE_LOST' });
  });

  it.each([
    ['a single event', pgqueConsumer, {}],
    ['a part of a batch', pgqueBatches, { maxMessages: 1 }],
  ] as const)('refuses %s and says why; the batch stays as it is', async (_what, of, options) => {
    const { main } = database;
    const queue = await main.queue();
    await main.send(queue, '1', '2');
    await main.tick(queue);
    let runs = 0;
    const handle = async (_events: unknown, context: { commitIn(tx: pg.Client): Promise<void> }): Promise<void> => {
      runs++;
      await context.commitIn(await connect());
    };
    const { logger } = await start({ providers: [of(queue, handle, options)] });
    await until('the refusal', () => logger.texts('error').length === 1);
    expect(logger.texts('error')[0]).toMatch(/stays before batch \d+: commitIn\(\)/);
    expect(runs).toBe(1);
    expect(await retries(main, queue)).toEqual([]);
    expect(await isDone(main, queue)).toBe(false);
  });

  it('an event that fails in a batch is found by handing each out alone', async () => {
    const { main } = database;
    const queue = await main.queue();
    const [, two] = await main.send(queue, '1', '2', '3');
    await main.tick(queue);
    const batches: number[][] = [];
    const handle = (events: readonly StreamEvent[]): void => {
      batches.push(events.map(({ data }) => data));
      if (events.some(({ data }) => data === 2)) throw new Error('no 2');
    };
    await start({ providers: [pgqueBatches(queue, handle)] });
    await untilDone(main, queue);
    expect(batches).toEqual([[1, 2, 3], [1], [2], [3]]);
    expect((await retries(main, queue)).map(({ id }) => id)).toEqual([two]);
  });
});
