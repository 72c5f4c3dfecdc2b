import { TransactionHost } from '@nestjs-cls/transactional';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  type ActiveJob,
  defineQueue,
  InvalidTransactionError,
  type JobOf,
  JobTimeoutError,
  OnWorkerEvent,
  PgQueueRuntime,
  Process,
  Processor,
  QueueService,
  StreamService,
  type WorkerOptions,
} from '../../lib/index.js';
import { clsTransactions } from '../support/cls-transactions.js';
import { testDatabase } from '../support/database.js';
import { begun, ended, inState, newQueue, processor, testApplications } from '../support/running.js';
import { aWhile, deferred, until } from '../support/signals.js';

const database = testDatabase({ migrated: true });
const start = testApplications(database);
let pool: pg.Pool;
const effect = `insert into ${database.schema}.effect values ($1)`;
const FEW = { concurrency: 3 };

beforeAll(async () => {
  pool = new pg.Pool({ connectionString: database.url, max: 5 });
  await database.client.query(`create table ${database.schema}.effect (of text)`);
});

afterAll(async () => {
  await pool.end();
});

const effects = async (of: string): Promise<number> =>
  (await database.client.query(`select from ${database.schema}.effect where of = $1`, [of])).rowCount!;

type Handle = (job: ActiveJob, client: pg.PoolClient) => unknown;

function transactional(queue: string, handle: Handle, worker: WorkerOptions = FEW, timeout?: number) {
  const process = { transactional: true, ...(timeout === undefined ? {} : { timeout }) };
  return processor(queue, handle as (job: ActiveJob) => unknown, worker, process);
}

/** Whose transaction it is: the module's, or the application's. */
describe.each(['a client of the pool', '@nestjs-cls/transactional'] as const)(
  'a transactional handler on %s',
  (whose) => {
    const ofHost = whose === '@nestjs-cls/transactional';
    const imports = () => (ofHost ? [clsTransactions(pool)] : []);
    const clientOf = (client: pg.PoolClient): pg.PoolClient =>
      ofHost ? (TransactionHost.getInstance() as TransactionHost & { tx: pg.PoolClient }).tx : client;

    it('has its effects and its completion committed together, with its result', async () => {
      const name = newQueue();
      const handle: Handle = async (job, client) => {
        await clientOf(client).query(effect, [name]);
        expect(await effects(name)).toBe(0);
        return { of: job.id };
      };
      const { queue } = await start({ imports: imports(), providers: [transactional(name, handle)] });
      const job = await ended(queue(name), await queue(name).add('n', 1));
      expect([await job.getState(), job.returnvalue, await effects(name)]).toEqual(['completed', { of: job.id }, 1]);
    });

    it('that fails leaves nothing, and is retried; what it added to other queues and streams is undone as well', async () => {
      const [name, next, stream] = [newQueue(), newQueue(), newQueue('stream')];
      const seen: number[] = [];
      const handle: Handle = async (job, client) => {
        await clientOf(client).query(effect, [name]);
        await services.get(QueueService).add(next, 'n', job.attemptsStarted);
        await services.get(StreamService).publish(stream, { data: job.attemptsStarted });
        seen.push(job.attemptsStarted);
        if (job.attemptsStarted < 3) throw new Error('not yet');
      };
      const { app: services, queue } = await start({ imports: imports(), providers: [transactional(name, handle)] });
      const job = await ended(queue(name), await queue(name).add('n', 1, { backoff: 1 }));
      expect([await job.getState(), seen, await effects(name)]).toEqual(['completed', [1, 2, 3], 1]);
      expect((await queue(next).getJobs()).map(({ data }) => data)).toEqual([3]);
      expect((await services.get(StreamService).read(stream)).map(({ data }) => data)).toEqual([3]);
    });

    it('whose run was lost meanwhile is refused its completion, and all of it rolls back', async () => {
      const name = newQueue();
      const go = deferred();
      const handle: Handle = async (_, client) => {
        await clientOf(client).query(effect, [name]);
        await go.promise;
      };
      const type = transactional(name, handle);
      const { app, queue } = await start({ imports: imports(), providers: [type] });
      const job = await queue(name).add('n', 1);
      await begun(type);
      const elsewhere = await start({ options: { processing: false } });
      expect(await (await elsewhere.queue(name).getJob(job.id))!.cancel('no')).toBe(true);
      go.resolve();
      await ended(queue(name), job);
      await app.close();
      expect([(await elsewhere.queue(name).getJob(job.id))!.failedReason, await effects(name)]).toEqual(['no', 0]);
    });

    it('that takes longer than its timeout rolls back when it ends, and is retried', async () => {
      const name = newQueue();
      const late = deferred();
      const errors: unknown[] = [];
      @Processor(name, FEW)
      class Slow {
        @Process({ transactional: true, timeout: 50 })
        async slow(job: ActiveJob, client: pg.PoolClient) {
          await clientOf(client).query(effect, [`${name} ${job.attemptsStarted}`]);
          if (job.attemptsStarted === 1) await late.promise;
        }

        @OnWorkerEvent('failed')
        failed(_: ActiveJob, error: Error) {
          errors.push(error);
          late.resolve();
        }
      }
      const { app, queue } = await start({ imports: imports(), providers: [Slow] });
      const job = await ended(queue(name), await queue(name).add('n', 1, { backoff: 1 }));
      const state = await job.getState();
      await app.close();
      expect([state, await effects(`${name} 1`), await effects(`${name} 2`)]).toEqual(['completed', 0, 1]);
      expect(errors[0]).toBeInstanceOf(JobTimeoutError);
    });

    it('tells its listeners of the result', async () => {
      const name = newQueue();
      const heard: unknown[] = [];
      @Processor(name, FEW)
      class Telling {
        @Process({ transactional: true })
        async tell() {
          return { n: 1 };
        }

        @OnWorkerEvent('completed')
        completed(_: ActiveJob, result: unknown) {
          heard.push(result);
        }
      }
      const { queue } = await start({ imports: imports(), providers: [Telling] });
      await ended(queue(name), await queue(name).add('n', 1));
      await until('it to be told', () => heard.length === 1);
      expect(heard).toEqual([{ n: 1 }]);
    });

    it('may complete its job by itself', async () => {
      const name = newQueue();
      const handle: Handle = async (job, client) => {
        await job.completeIn(clientOf(client), 'mine');
        return 'not this';
      };
      const { queue } = await start({ imports: imports(), providers: [transactional(name, handle)] });
      expect((await ended(queue(name), await queue(name).add('n', 1))).returnvalue).toBe('mine');
    });
  },
);

describe('a transactional handler', () => {
  it('of a contract gets its schema’s output; what does not fit never begins a transaction', async () => {
    const Orders = defineQueue(newQueue(), { place: z.object({ at: z.coerce.date() }) });
    const seen: unknown[] = [];
    @Processor(Orders, FEW)
    class OrdersProcessor {
      @Process(Orders, 'place', { transactional: true })
      async place({ data }: JobOf<typeof Orders, 'place'>, client: pg.PoolClient) {
        await client.query(effect, [Orders.name]);
        seen.push(data.at);
      }
    }
    const { app, queue } = await start({ providers: [OrdersProcessor] });
    await ended(queue(Orders.name), await app.get(QueueService).queue(Orders).add('place', { at: '2030-01-01' }));
    // by somebody who does not know the contract
    const add = `select ${database.schema}.add($1, 'place', '{"at": "never"}')::text as id`;
    const { rows } = await database.client.query<{ id: string }>(add, [Orders.name]);
    expect(await (await ended(queue(Orders.name), rows[0]!)).getState()).toBe('failed');
    expect([seen, await effects(Orders.name)]).toEqual([[new Date('2030-01-01')], 1]);
  });

  it('beside one that is not: only the one has a transaction', async () => {
    const name = newQueue();
    const seen: unknown[] = [];
    const both = [
      processor(name, (...args: unknown[]) => seen.push(['with', args.length]), FEW, {
        name: 'with',
        transactional: true,
      }),
      processor(name, (...args: unknown[]) => seen.push(['without', args.length]), FEW, 'without'),
    ];
    const { queue } = await start({ providers: both });
    await ended(queue(name), await queue(name).add('with', 1));
    await ended(queue(name), await queue(name).add('without', 1));
    expect(seen).toEqual([
      ['with', 2],
      ['without', 1],
    ]);
  });

  it('that leaves something running is told when that adds a job: it would be outside of the transaction', async () => {
    const name = newQueue();
    const [go, left] = [deferred(), deferred<unknown>()];
    const handle: Handle = () => {
      void (async () => {
        await go.promise;
        left.resolve(
          await queue(newQueue())
            .add('n', 1)
            .catch((error: unknown) => error),
        );
      })();
    };
    const { queue } = await start({ providers: [transactional(name, handle)] });
    await ended(queue(name), await queue(name).add('n', 1));
    go.resolve();
    expect(await left.promise).toBeInstanceOf(InvalidTransactionError);
    expect(String(await left.promise)).toContain('await what a transactional handler does');
  });

  it('is interrupted at the shutdown’s deadline: nothing of it remains, and another process runs it uncharged', async () => {
    const name = newQueue();
    const handle: Handle = async (job, client) => {
      await client.query(effect, [name]);
      if (!job.signal.aborted && interrupted) {
        await new Promise((resolve) => {
          job.signal.addEventListener('abort', resolve);
        });
        throw job.signal.reason;
      }
    };
    let interrupted = true;
    const type = transactional(name, handle, { ...FEW, shutdownTimeout: 1 });
    const first = await start({ providers: [type] });
    const job = await first.queue(name).add('n', 1);
    await begun(type);
    await first.app.close();
    expect(await effects(name)).toBe(0);
    interrupted = false;
    const { queue } = await start({ providers: [type] });
    const done = await ended(queue(name), job);
    expect([done.attemptsStarted, await effects(name)]).toEqual([1, 1]);
  });

  it('is never run more often at once than its processor says: the pool was found large enough for that', async () => {
    const name = newQueue();
    let [running, most] = [0, 0];
    const handle: Handle = async () => {
      most = Math.max(most, ++running);
      await aWhile(20);
      running--;
    };
    const { queue } = await start({ providers: [transactional(name, handle)] });
    await queue(name).setConcurrency(50);
    const jobs = await queue(name).addBulk(Array.from({ length: 30 }, () => ({ name: 'n', data: null })));
    await inState(queue(name), jobs.at(-1)!, 'completed');
    expect(most).toBe(3);
  });
});

describe('a pool', () => {
  const connection = (max?: number) => ({ connectionString: database.url, ...(max === undefined ? {} : { max }) });

  it.each([
    [{ concurrency: 4 }, 5, 'concurrency 4', '6'],
    [{}, undefined, 'concurrency 10', '12'],
  ])(
    'that is too small for transactional handlers (%j, %j) is refused at startup, with both numbers',
    async (worker, max, has, needs) => {
      const starting = start({
        providers: [transactional(newQueue(), () => undefined, worker)],
        options: { connection: connection(max) },
      });
      await expect(starting).rejects.toMatchObject({ code: 'PGQUEUE_INVALID_OPTIONS', path: 'connection.max' });
      await expect(starting).rejects.toThrow(new RegExp(`${has}.*set max to ${needs} or more`));
    },
  );

  it('is large enough with two more; and whatever it has where nothing is processed, or the transactions are the application’s', async () => {
    const providers = [transactional(newQueue(), () => undefined, { concurrency: 4 })];
    await start({ providers, options: { connection: connection(6) } });
    await start({ providers, options: { connection: connection(2), processing: false } });
    const { app } = await start({
      imports: [clsTransactions(pool)],
      providers,
      options: { connection: connection(2) },
    });
    expect(app.get(PgQueueRuntime).running).toBe(true);
  });
});

it.each([1, 'yes'])('transactional: %j is refused at startup', async (wrong) => {
  const type = processor(newQueue(), () => undefined, FEW, { transactional: wrong as never });
  await expect(start({ providers: [type] })).rejects.toMatchObject({
    code: 'PGQUEUE_INVALID_OPTIONS',
    path: 'transactional',
  });
});
