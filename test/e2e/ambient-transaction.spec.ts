import { Injectable } from '@nestjs/common';
import { Transactional, TransactionHost } from '@nestjs-cls/transactional';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  InvalidTransactionError,
  PgQueueModule,
  type PgQueueModuleOptions,
  QueueService,
  type RegisterQueueOptions,
  StreamService,
} from '../../lib/index.js';
import { clsTransactions } from '../support/cls-transactions.js';
import { testDatabase } from '../support/database.js';
import { newQueue, testApplications } from '../support/running.js';

const database = testDatabase({ migrated: true });
const start = testApplications(database);
let pool: pg.Pool;

beforeAll(async () => {
  pool = new pg.Pool({ connectionString: database.url, max: 3 });
  await database.client.query(`create table ${database.schema}.orders (name text)`);
});

afterAll(async () => {
  await pool.end();
});

@Injectable()
class Orders {
  constructor(
    private readonly host: TransactionHost,
    readonly queues: QueueService,
    readonly streams: StreamService,
  ) {}

  @Transactional()
  async place(name: string, work: () => Promise<unknown>, fails = false): Promise<void> {
    const { tx } = this.host as { tx: pg.PoolClient };
    await tx.query(`insert into ${database.schema}.orders values ($1)`, [name]);
    await work();
    if (fails) throw new Error('no stock');
  }
}

async function application(options: PgQueueModuleOptions = {}, ...queues: RegisterQueueOptions[]) {
  const { app } = await start({
    imports: [clsTransactions(pool), PgQueueModule.registerQueue(...queues)],
    providers: [Orders],
    options: { processing: false, ...options },
  });
  return app.get(Orders);
}

const counts = async (orders: Orders, queue: string) => (await orders.queues.queue(queue).getJobCounts()).waiting;
const stored = async (name: string) =>
  (await database.client.query(`select from ${database.schema}.orders where name = $1`, [name])).rowCount;

describe('inside @Transactional()', () => {
  it('add() and addBulk() join the transaction without being told: what is rolled back never was', async () => {
    const orders = await application();
    const name = newQueue();
    const queue = orders.queues.queue(name);
    const adding = async () => {
      await queue.add('confirm', 1);
      await queue.addBulk([{ name: 'confirm', data: 2 }]);
      await orders.queues.add(name, 'confirm', 3, { uniqueKey: 'k' });
      // its own, and not to be seen by anybody else
      expect(await counts(orders, name)).toBe(0);
    };
    await expect(orders.place(name, adding, true)).rejects.toThrow('no stock');
    expect([await counts(orders, name), await stored(name)]).toEqual([0, 0]);
    await orders.place(name, adding);
    expect([await counts(orders, name), await stored(name)]).toEqual([3, 1]);
  });

  it('so do publish() and publishBulk()', async () => {
    const orders = await application();
    const stream = newQueue('stream');
    const publishing = async () => {
      await orders.streams.publish(stream, { data: 1 });
      await orders.streams.publishBulk(stream, [{ data: 2 }]);
    };
    await expect(orders.place(stream, publishing, true)).rejects.toThrow('no stock');
    expect(await orders.streams.read(stream)).toEqual([]);
    await orders.place(stream, publishing);
    expect((await orders.streams.read(stream)).map(({ data }) => data)).toEqual([1, 2]);
  });

  it('a tx that is given wins', async () => {
    const orders = await application();
    const name = newQueue();
    const other = await database.connect();
    await other.query('begin');
    await expect(orders.place(name, async () => orders.queues.add(name, 'n', 1, { tx: other }), true)).rejects.toThrow(
      'no stock',
    );
    await other.query('commit');
    expect(await counts(orders, name)).toBe(1);
  });

  it("a queue or stream with transaction: 'never' does not join", async () => {
    const [name, stream] = [newQueue(), newQueue('stream')];
    const orders = await application(
      { streams: { [stream]: { transaction: 'never' } } },
      { name, transaction: 'never' },
    );
    const work = async () => {
      await orders.queues.add(name, 'audit', 1);
      await orders.streams.publish(stream, { data: 1 });
    };
    await expect(orders.place(name, work, true)).rejects.toThrow('no stock');
    expect(await counts(orders, name)).toBe(1);
    expect(await orders.streams.read(stream)).toHaveLength(1);
  });

  it('whose handle is none that can be written in, it says so, before anything is written', async () => {
    const session = { client: 'of MongoDB', startTransaction: () => undefined };
    const client = { ...session, query: async () => undefined, release: () => undefined };
    const foreign = { connect: async () => client };
    const { app } = await start({ imports: [clsTransactions(foreign as never)], options: { processing: false } });
    const name = newQueue();
    const adding = app.get(TransactionHost).withTransaction(async () => app.get(QueueService).add(name, 'n', 1));
    await expect(adding).rejects.toThrow(InvalidTransactionError);
    await expect(adding).rejects.toThrow(/cannot be joined: tx is .*transaction: 'never'.*transactionHost/);
    expect(await app.get(QueueService).queue(name).getJobs()).toEqual([]);
  });

  it('of a database that has no such schema, it says so', async () => {
    const elsewhere = `elsewhere_${process.pid}_${Date.now()}`;
    await database.client.query(`create database ${elsewhere}`);
    const url = new URL(database.url);
    url.pathname = elsewhere;
    const its = new pg.Pool({ connectionString: url.href, max: 1 });
    try {
      const { app } = await start({ imports: [clsTransactions(its)], options: { processing: false } });
      const host = app.get(TransactionHost);
      const adding = host.withTransaction(async () => app.get(QueueService).add(newQueue(), 'n', 1));
      await expect(adding).rejects.toThrow(InvalidTransactionError);
      await expect(adding).rejects.toThrow(/without this schema.*transaction: 'never'.*transactionHost/);
    } finally {
      await its.end();
      await database.client.query(`drop database ${elsewhere}`);
    }
  });
});

describe("transaction: 'required'", () => {
  it('throws outside of a transaction, before anything is written; with tx, or inside of one, it adds', async () => {
    const [name, stream] = [newQueue(), newQueue('stream')];
    const orders = await application(
      { streams: { [stream]: { transaction: 'required' } } },
      { name, transaction: 'required' },
    );
    const queue = orders.queues.queue(name);
    await expect(queue.add('n', 1)).rejects.toMatchObject({
      code: 'PGQUEUE_INVALID_TRANSACTION',
      message: expect.stringContaining(`queue '${name}' requires one`),
    });
    await expect(queue.addBulk([{ name: 'n', data: 1 }])).rejects.toThrow(InvalidTransactionError);
    await expect(orders.streams.publish(stream, { data: 1 })).rejects.toThrow(`stream '${stream}' requires one`);
    expect(await counts(orders, name)).toBe(0);
    await orders.place(name, async () => queue.add('n', 1));
    const tx = await database.connect();
    await tx.query('begin');
    await queue.add('n', 2, { tx });
    await tx.query('commit');
    expect(await counts(orders, name)).toBe(2);
  });

  it('throws where the application has no such transactions at all', async () => {
    const name = newQueue();
    const { queue } = await start({
      imports: [PgQueueModule.registerQueue({ name, transaction: 'required' })],
      options: { processing: false },
    });
    await expect(queue(name).add('n', 1)).rejects.toThrow(InvalidTransactionError);
  });

  it.each(['sometimes', true])('%j is refused at startup', async (transaction) => {
    const imports = [PgQueueModule.registerQueue({ name: newQueue(), transaction: transaction as 'auto' })];
    await expect(start({ imports, options: { processing: false } })).rejects.toMatchObject({
      code: 'PGQUEUE_INVALID_OPTIONS',
      path: 'transaction',
    });
  });

  it('said otherwise elsewhere is refused', async () => {
    const name = newQueue();
    const imports = [
      PgQueueModule.registerQueue({ name, transaction: 'required' }),
      PgQueueModule.registerQueue({ name, transaction: 'never' }),
    ];
    await expect(start({ imports, options: { processing: false } })).rejects.toMatchObject({ path: 'transaction' });
  });
});

describe('transactionHost', () => {
  it('names the transactions that are meant, where the application has several', async () => {
    const { app } = await start({
      imports: [clsTransactions(pool, 'queues')],
      options: { processing: false, transactionHost: 'queues' },
    });
    const host = TransactionHost.getInstance('queues');
    const name = newQueue();
    const failing = host.withTransaction(async () => {
      await app.get(QueueService).add(name, 'n', 1);
      throw new Error('no stock');
    });
    await expect(failing).rejects.toThrow('no stock');
    expect((await app.get(QueueService).queue(name).getJobCounts()).waiting).toBe(0);
  });

  it('false: none', async () => {
    const orders = await application({ transactionHost: false });
    const name = newQueue();
    await expect(orders.place(name, async () => orders.queues.add(name, 'n', 1), true)).rejects.toThrow('no stock');
    expect(await counts(orders, name)).toBe(1);
  });

  it('that is not there is refused at startup', async () => {
    await expect(
      start({ imports: [clsTransactions(pool)], options: { processing: false, transactionHost: 'missing' } }),
    ).rejects.toMatchObject({ code: 'PGQUEUE_INVALID_OPTIONS', path: 'transactionHost' });
  });
});
