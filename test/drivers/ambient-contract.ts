import type { INestApplicationContext, Type } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  type ActiveJob,
  InvalidTransactionError,
  type Job,
  PgQueueModule,
  type Queue,
  QueueService,
  type RegisterQueueOptions,
  StreamService,
} from '../../lib/index.js';
import { startApplication } from '../support/application.js';
import { begun, ended, newQueue, processor } from '../support/running.js';
import { deferred } from '../support/signals.js';
import { type Ambient, ambientModule, LIBRARY, Orders } from './support/ambient.js';
import { type Place, serverDatabase } from './support/driver-database.js';

const WORKER = { concurrency: 2, pollInterval: 100 };
/** That a customer has two orders fails at the commit, and not before. */
const ORDERS = `create table orders
  (id serial primary key, customer text not null unique deferrable initially deferred)`;

interface Running {
  readonly orders: Orders;
  readonly streams: StreamService;
  readonly queue: (name: string) => Queue;
  readonly close: () => Promise<void>;
}

class NoStock extends Error {}
const noStock = (): never => {
  throw new NoStock();
};

/** What is the same with every adapter of `@nestjs-cls/transactional`. */
export function describeAmbient<Tx>(adapter: string, open: (url: string) => Promise<Ambient<Tx>>): void {
  describe(`with @nestjs-cls/transactional on ${adapter}`, () => {
    let database: Place;
    let library: Ambient<Tx>;
    const running: INestApplicationContext[] = [];

    beforeAll(async () => {
      database = await serverDatabase();
      await database.query(ORDERS);
      library = await open(database.url);
    });
    afterEach(async () => {
      await Promise.all(running.splice(0).map((app) => app.close()));
    });
    afterAll(async () => {
      await library?.close();
      await database?.close();
    });

    async function start(providers: Type[] = [], ...queues: RegisterQueueOptions[]): Promise<Running> {
      const app = await startApplication(database, {
        imports: [ambientModule(library), PgQueueModule.registerQueue(...queues)],
        providers: [...providers, Orders, { provide: LIBRARY, useValue: library }],
        options: database.options,
      });
      running.push(app);
      const queue = (of: string): Queue => app.get(QueueService).queue(of);
      return { orders: app.get(Orders), streams: app.get(StreamService), queue, close: () => app.close() };
    }

    /** A process that has no such transactions, and works on nothing. */
    async function another(): Promise<(name: string) => Queue> {
      const app = await startApplication(database, { options: { ...database.options, processing: false } });
      running.push(app);
      return (of) => app.get(QueueService).queue(of);
    }

    const ordered = async (customer: string): Promise<number> =>
      (await database.query('select from orders where customer = $1', [customer])).length;
    const waiting = async (queue: Queue): Promise<number> => (await queue.getJobCounts()).waiting;

    describe('a method with @Transactional()', () => {
      it('has its row, its jobs and its events, when it returns, and none of them, when it throws', async () => {
        const [name, stream] = [newQueue(), newQueue('stream')];
        const { orders, queue, streams } = await start();
        const work = async (): Promise<void> => {
          await queue(name).add('confirm', 1);
          await queue(name).addBulk([{ name: 'confirm', data: 2 }]);
          await streams.publish(stream, { data: 3 });
          expect([await ordered(name), await waiting(queue(name))]).toEqual([0, 0]);
        };
        await expect(orders.place(name, async () => work().then(noStock))).rejects.toThrow(NoStock);
        expect([await ordered(name), await waiting(queue(name)), await streams.read(stream)]).toEqual([0, 0, []]);
        await orders.place(name, work);
        expect([await ordered(name), await waiting(queue(name))]).toEqual([1, 2]);
        expect((await streams.read(stream)).map(({ data }) => data)).toEqual([3]);
      });

      it('has its jobs run by the same process when it has committed', async () => {
        const name = newQueue();
        const seen: unknown[] = [];
        const runs = processor(name, async ({ data }) => void seen.push([data, await ordered(name)]), WORKER);
        const { orders, queue } = await start([runs]);
        let job: Job;
        await orders.place(name, async () => {
          job = await queue(name).add('confirm', 1);
        });
        await ended(queue(name), job!);
        expect(seen).toEqual([[1, 1]]);
      });

      it('goes on and commits after a unique key that is taken, inside or outside of it', async () => {
        const name = newQueue();
        const { orders, queue } = await start();
        const before = await queue(name).add('confirm', 'before', { uniqueKey: 'before' });
        const jobs: Job[] = [];
        await orders.place(name, async () => {
          for (const uniqueKey of ['inside', 'inside', 'before', 'last']) {
            jobs.push(await queue(name).add('confirm', 1, { uniqueKey }));
          }
        });
        expect(jobs.map(({ deduplicated }) => deduplicated)).toEqual([false, true, true, false]);
        expect([jobs[1]!.id, jobs[2]!.id]).toEqual([jobs[0]!.id, before.id]);
        expect([await ordered(name), await waiting(queue(name))]).toEqual([1, 3]);
      });

      it("is what a queue with transaction: 'required' asks for", async () => {
        const name = newQueue();
        const { orders, queue } = await start([], { name, transaction: 'required' });
        await expect(queue(name).add('confirm', 1)).rejects.toThrow(InvalidTransactionError);
        await orders.place(name, async () => queue(name).add('confirm', 1));
        expect(await waiting(queue(name))).toBe(1);
      });

      it('nested in another one takes along only its own when it throws', async () => {
        const name = newQueue();
        const { orders, queue } = await start();
        await orders.place(name, async () => {
          await queue(name).add('confirm', 'outer');
          const nested = orders.placeNested(`${name} nested`, async () => queue(name).add('n', 'nested').then(noStock));
          await expect(nested).rejects.toThrow(NoStock);
          await queue(name).add('confirm', 'after');
        });
        expect([await ordered(name), await ordered(`${name} nested`)]).toEqual([1, 0]);
        expect(new Set((await queue(name).getJobs()).map(({ data }) => data))).toEqual(new Set(['outer', 'after']));
      });

      it('may also give what @InjectTransaction() injects as tx; outside of one that is refused', async () => {
        const name = newQueue();
        const { orders, queue } = await start();
        const adding = async (): Promise<unknown> => queue(name).add('confirm', 1, { tx: orders.tx });
        await expect(orders.place(name, async () => adding().then(noStock))).rejects.toThrow(NoStock);
        expect(await waiting(queue(name))).toBe(0);
        await expect(adding()).rejects.toThrow(/would commit at once/);
        await orders.place(name, adding);
        expect(await waiting(queue(name))).toBe(1);
      });

      it('does not lend its transaction to handlers that run while it is open', async () => {
        const name = newQueue();
        const active: boolean[] = [];
        const transactional = processor(name, async () => orders.order(`${name} handler`), WORKER, {
          name: 'transactional',
          transactional: true,
        });
        const plain = processor(name, () => void active.push(orders.host.isTransactionActive()), WORKER, 'plain');
        const { orders, queue } = await start([transactional, plain], { name, transaction: 'never' });
        const placing = orders.place(name, async () => {
          for (const kind of ['transactional', 'plain']) await ended(queue(name), await queue(name).add(kind, 1));
          noStock();
        });
        await expect(placing).rejects.toThrow(NoStock);
        expect([active, await ordered(name), await ordered(`${name} handler`)]).toEqual([[false], 0, 1]);
      });
    });

    describe('a transactional handler', () => {
      const handler = (queue: string, handle: (job: ActiveJob) => unknown): Type =>
        processor(queue, handle, WORKER, { transactional: true });

      it('has its row, the job that it adds and its completion in one commit', async () => {
        const [name, next] = [newQueue(), newQueue()];
        const handles = handler(name, async (job) => {
          await orders.order(name);
          await queue(next).add('ship', job.id);
          expect([await ordered(name), await waiting(queue(next))]).toEqual([0, 0]);
          return 'done';
        });
        const { orders, queue } = await start([handles]);
        const job = await ended(queue(name), await queue(name).add('place', 1));
        expect([await job.getState(), job.returnvalue, await ordered(name)]).toEqual(['completed', 'done', 1]);
        expect((await queue(next).getJobs()).map(({ data }) => data)).toEqual([job.id]);
      });

      it('whose commit fails has not completed its job: that is retried', async () => {
        const [name, next] = [newQueue(), newQueue()];
        const handles = handler(name, async ({ attemptsStarted }) => {
          await queue(next).add('ship', attemptsStarted);
          await orders.order(`${name} ${attemptsStarted}`);
        });
        const { orders, queue } = await start([handles]);
        await database.query('insert into orders (customer) values ($1)', [`${name} 1`]);
        const job = await ended(queue(name), await queue(name).add('place', 1, { backoff: 1 }));
        expect([await job.getState(), job.attemptsMade, await ordered(`${name} 2`)]).toEqual(['completed', 1, 1]);
        expect((await queue(next).getJobs()).map(({ data }) => data)).toEqual([2]);
      });

      it('that throws leaves nothing, and is retried', async () => {
        const [name, next] = [newQueue(), newQueue()];
        const handles = handler(name, async ({ attemptsStarted }) => {
          await orders.order(name);
          await queue(next).add('ship', attemptsStarted);
          if (attemptsStarted < 3) noStock();
        });
        const { orders, queue } = await start([handles]);
        const job = await ended(queue(name), await queue(name).add('place', 1, { backoff: 1 }));
        expect([await job.getState(), job.attemptsMade, await ordered(name)]).toEqual(['completed', 2, 1]);
        expect((await queue(next).getJobs()).map(({ data }) => data)).toEqual([3]);
      });

      it('whose job is cancelled meanwhile is refused its completion, and leaves nothing', async () => {
        const [name, next] = [newQueue(), newQueue()];
        const gate = deferred();
        const handles = handler(name, async () => {
          await orders.order(name);
          await queue(next).add('ship', 1);
          await gate.promise;
        });
        const { orders, queue, close } = await start([handles]);
        const job = await queue(name).add('place', 1);
        await begun(handles);
        const elsewhere = await another();
        expect(await (await elsewhere(name).getJob(job.id))!.cancel('no')).toBe(true);
        gate.resolve();
        // it waits for the handler
        await close();
        expect((await elsewhere(name).getJob(job.id))!.failedReason).toBe('no');
        expect([await ordered(name), await waiting(elsewhere(next))]).toEqual([0, 0]);
      });
    });
  });
}
