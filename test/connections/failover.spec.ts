import type { INestApplicationContext } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { PgConnection } from '../../lib/engine/postgres/connection.js';
import { StandbyError } from '../../lib/errors/standby.error.js';
import { type ActiveJob, QueueService } from '../../lib/index.js';
import { resolveModuleOptions } from '../../lib/pg-queue.options.js';
import { RecordingLogger, startApplication } from '../support/application.js';
import type { TestDatabase } from '../support/database.js';
import { hasPgBouncer, startPgBouncer } from '../support/pgbouncer.js';
import { processor } from '../support/running.js';
import { until } from '../support/signals.js';
import { type StandbyPair, startStandbyPair } from '../support/standby.js';

let pair: StandbyPair;
beforeAll(async () => {
  pair = await startStandbyPair();
}, 60_000);
afterAll(async () => pair?.stop());

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

function connection(url: string, options: object = {}) {
  const logger = new RecordingLogger();
  const made = new PgConnection(resolveModuleOptions({ connection: url, logger, ...options }));
  closing.push(async () => made.close());
  return { connection: made, logger };
}

const WHERE = 'select inet_server_port() as port, pg_is_in_recovery() as standby';

// one after the other: the last one changes who is the primary
describe('of several hosts', () => {
  it('the primary is found wherever it stands, and nothing is said about the others', async () => {
    const { primary, standby } = pair;
    for (const url of [pair.url(primary, standby), pair.url(standby, primary)]) {
      const { connection: own, logger } = connection(url);
      await own.start();
      const rows = await Promise.all(Array.from({ length: 10 }, () => own.query(WHERE)));
      expect(rows.flat()).toEqual(Array.from({ length: 10 }, () => ({ port: primary.port, standby: false })));
      expect(logger.texts('warn')).toEqual([]);
      const listener = own.createClient();
      await expect(listener.connect().then(() => listener.query(WHERE))).resolves.toMatchObject({
        rows: [{ port: primary.port }],
      });
      await listener.end();
    }
  });

  it('one on which nothing listens is passed over', async () => {
    const gone = { ...pair.standby, port: 1 };
    const { connection: own, logger } = connection(pair.url(gone, pair.primary));
    await own.start();
    expect(await own.query(WHERE)).toEqual([{ port: pair.primary.port, standby: false }]);
    expect(logger.texts('warn')).toEqual([]);
  });

  it('when all are standbys, startup waits for connectTimeout and says so', async () => {
    const { connection: own, logger } = connection(pair.url(pair.standby, pair.standby), { connectTimeout: 500 });
    await expect(own.start()).rejects.toThrow(StandbyError);
    expect(logger.texts('warn')).toEqual([expect.stringMatching(/cannot be reached.*standby.*trying on/s)]);
  });

  it.skipIf(!hasPgBouncer)(
    'a connection that finds itself at a standby is dropped: add() rejects in time and says what to do (needs pgbouncer)',
    async () => {
      const bouncer = await startPgBouncer(pair.primary.url, { poolMode: 'transaction' });
      closing.push(async () => bouncer.stop());
      const options = { schema: 'switched', connectTimeout: 1_000, processing: false };
      const app = await startApplication({ url: bouncer.url } as TestDatabase, { options });
      closing.push(async () => app.close());
      const queue = app.get(QueueService).queue('orders');
      await queue.add('order', 1);
      bouncer.retarget(pair.standby.url);
      const refused = await rejection(() => queue.add('order', 2));
      expect(refused).toMatchObject({
        code: 'PGQUEUE_STANDBY',
        message: expect.stringMatching(/connect to the primary/i),
      });
      const added = await Promise.allSettled(Array.from({ length: 50 }, (_, i) => queue.add('order', i)));
      for (const { status, reason } of added as PromiseRejectedResult[]) {
        expect([status, reason.code]).toEqual(['rejected', 'PGQUEUE_STANDBY']);
      }
      const adding = queue.add('order', 3);
      bouncer.retarget(pair.primary.url);
      expect(await adding).toMatchObject({ name: 'order' });
    },
  );

  it('after a failover everything goes on at the new primary: no job is lost, none that is added meanwhile', async () => {
    const logger = new RecordingLogger();
    const done = new Map<number, number>();
    const handle = (job: ActiveJob<number>): void => {
      done.set(job.data, (done.get(job.data) ?? 0) + 1);
    };
    const url = pair.url(pair.primary, pair.standby);
    const database = { url, schema: 'failover' } as TestDatabase;
    const application = async (providers: ReturnType<typeof processor>[]): Promise<INestApplicationContext> => {
      const app = await startApplication(database, {
        providers,
        options: { logger, worker: { pollInterval: 600_000 } },
      });
      closing.push(async () => app.close());
      return app;
    };
    const worker = await application([processor('orders', handle, { pollInterval: 600_000 })]);
    const queue = worker.get(QueueService).queue<number>('orders');
    for (let i = 0; i < 20; i++) await queue.add('order', i);
    await until('the first jobs', () => done.size === 20);
    await pair.caughtUp();

    const failingOver = pair.failOver();
    // a producer that is told "perhaps" repeats it under the id it gave
    const refusals: unknown[] = [];
    const add = async (i: number): Promise<unknown> =>
      queue.add('order', 20 + i, { jobId: `order-${i}` }).catch(async (error: unknown) => {
        refusals.push(error);
        return add(i);
      });
    const adding = Array.from({ length: 20 }, (_, i) => add(i));
    await Promise.all([failingOver, ...adding]);
    await until('all jobs', () => done.size === 40, 20_000);
    for (const error of refusals) expect(error).toMatchObject({ code: 'PGQUEUE_DATABASE_UNAVAILABLE' });
    expect(logger.texts('warn').filter((line) => line.includes('cannot be reached'))).toHaveLength(1);
    expect(logger.texts('log').filter((line) => line.includes('reached again'))).toHaveLength(1);

    // and LISTEN wakes there: the worker polls every ten minutes
    const { connection: look } = connection(pair.standby.url);
    await until('it to hold its lock at the new primary', async () => {
      const locks = await look.query(`select from pg_locks where locktype = 'advisory' and mode = 'ShareLock'`);
      return locks.length > 0;
    });
    await queue.add('order', 40);
    await until('a job of the new primary', () => done.has(40));
  }, 60_000);
});

/** PgBouncer takes a moment to use what it has read anew. */
async function rejection(attempt: () => Promise<unknown>): Promise<unknown> {
  let refused: unknown;
  await until('it to be refused', async () => {
    refused = await attempt().then(
      () => undefined,
      (error: unknown) => error,
    );
    return refused !== undefined;
  });
  return refused;
}
