import { AsyncLocalStorage } from 'node:async_hooks';
import pg from 'pg';
import { expect, it } from 'vitest';
import { PgQueueRuntime } from '../../lib/index.js';
import { testDatabase } from '../support/database.js';
import { ended, newQueue, processor, testApplications } from '../support/running.js';
import { aWhile, until } from '../support/signals.js';

const database = testDatabase();
const start = testApplications(database);

const EVENTS = ['uncaughtException', 'unhandledRejection', 'SIGTERM', 'SIGINT', 'exit', 'beforeExit', 'warning'];

function counts(): number[] {
  return EVENTS.map((event) => process.listenerCount(event));
}

it('installs no process-wide handlers', async () => {
  const before = counts();
  const name = newQueue();
  const { app, queue } = await start({ providers: [processor(name, () => 1)] });
  await ended(queue(name), await queue(name).add('job', null));
  expect(counts()).toEqual(before);
  await app.close();
  expect(counts()).toEqual(before);
});

it('handlers do not see the AsyncLocalStorage of the request that added the job, or that started the worker', async () => {
  const requests = new AsyncLocalStorage<string>();
  const name = newQueue();
  const seen: unknown[] = [];
  const handler = processor(
    name,
    (job) => {
      seen.push(requests.getStore());
      if (job.data === 'retried' && job.attemptsStarted === 1) throw new Error('no');
    },
    { backoff: 1 },
  );
  const { app, queue: of } = await start({ providers: [handler], options: { processing: false } });
  const queue = of(name);
  await requests.run('starting', () => app.get(PgQueueRuntime).start());
  await requests.run('one', async () => ended(queue, await queue.add('job', 'plain')));
  await requests.run('two', async () => ended(queue, await queue.add('job', 'retried')));
  await requests.run('three', async () => ended(queue, await queue.add('job', 'later', { delay: 20 })));
  expect(seen).toEqual([undefined, undefined, undefined, undefined]);
});

it('two applications in one process do not meet', async () => {
  const name = newQueue();
  const ran: string[] = [];
  const other = `${database.schema}_other`;
  try {
    const here = await start({ providers: [processor(name, (job) => ran.push(`here ${job.data}`))] });
    const there = await start({
      providers: [processor(name, (job) => ran.push(`there ${job.data}`))],
      options: { schema: other },
    });
    const [one, two] = await Promise.all([here.queue(name).add('job', 1), there.queue(name).add('job', 2)]);
    await ended(here.queue(name), one);
    await ended(there.queue(name), two);
    await here.app.close();
    await ended(there.queue(name), await there.queue(name).add('job', 3));
    expect(ran.toSorted()).toEqual(['here 1', 'there 2', 'there 3']);
    await there.app.close();
  } finally {
    await database.client.query(`drop schema if exists ${other} cascade`);
  }
});

it('30 queues share one LISTEN connection', async () => {
  const application_name = `listen-${database.schema}`;
  const names = Array.from({ length: 30 }, () => newQueue());
  const { queue } = await start({
    providers: names.map((name) => processor(name, () => 'ran')),
    options: { listen: { connectionString: database.url, application_name } },
  });
  const listening = async (): Promise<number> => {
    const { rows } = await database.client.query(
      `select count(*)::int as n from pg_stat_activity where application_name = $1`,
      [application_name],
    );
    return rows[0].n;
  };
  await until('LISTEN', async () => (await listening()) > 0);
  for (const name of names) await ended(queue(name), await queue(name).add('job', null));
  expect(await listening()).toBe(1);
});

it.each(['the module’s', 'the application’s own'])(
  'an error of an idle client of %s pool does not end the process, and the next job finds another',
  async (whose) => {
    const application_name = `idle-${database.schema}`;
    const connection = { connectionString: database.url, application_name };
    const pool = whose === 'the module’s' ? undefined : new pg.Pool(connection);
    const name = newQueue();
    // it neither listens nor polls: its clients stay idle
    const handler = processor(name, () => 'ran', { pollInterval: '1h' });
    const { app, queue } = await start({
      providers: [handler],
      options: { ...(pool === undefined ? { connection } : { pool }), listen: false },
    });
    await ended(queue(name), await queue(name).add('job', null));
    const cut = async (): Promise<number> => {
      const { rowCount } = await database.client.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1`,
        [application_name],
      );
      return rowCount ?? 0;
    };
    expect(await cut()).toBeGreaterThan(0);
    await until('the clients to be gone', async () => (await cut()) === 0);
    // what the server said on its way out is read by now
    await aWhile(50);
    expect(pool?.totalCount ?? 0).toBe(0);
    const job = await ended(queue(name), await queue(name).add('job', null));
    expect(job.returnvalue).toBe('ran');
    await app.close();
    await pool?.end();
  },
);
