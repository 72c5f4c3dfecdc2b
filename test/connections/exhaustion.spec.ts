import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type LocalPostgres, startLocalPostgres } from '../../sample/local-postgres.js';
import { RecordingLogger, startApplication } from '../support/application.js';
import { type TestDatabase, testDatabase } from '../support/database.js';
import { failure } from '../support/engine.js';
import { ended, newQueue, testApplications } from '../support/running.js';
import { aWhile, until } from '../support/signals.js';
import { QueueService } from '../../lib/index.js';
import { ALL_COMPLETED, everything, runEverything } from './everything.js';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

describe('a server at max_connections', () => {
  let server: LocalPostgres;
  beforeAll(async () => {
    const few = { max_connections: 12, superuser_reserved_connections: 0, fsync: 'off' };
    server = await startLocalPostgres({ settings: few });
  });
  afterAll(async () => server?.stop());

  /** Connects until the server takes no more. */
  async function fill(): Promise<pg.Client[]> {
    for (const clients: pg.Client[] = []; ;) {
      const client = new pg.Client({ connectionString: server.url });
      const problem = await failure(client.connect());
      if (problem === '53300') return clients;
      expect(problem).toBe('none');
      clients.push(client);
    }
  }

  it('lets add() wait, and take its turn when others go; it is said once', async () => {
    const database = { url: server.url, schema: 'full' } as TestDatabase;
    const logger = new RecordingLogger();
    const name = newQueue();
    const app = await startApplication(database, {
      providers: [everything(name, server.url)],
      // so that no client is left to add with
      options: { logger, connection: { connectionString: server.url, idleTimeoutMillis: 50 } },
    });
    closing.push(async () => app.close());
    const queue = app.get(QueueService).queue(name);
    await ended(queue, await queue.add('plain', 1));
    await aWhile(200);
    const others = await fill();
    const adding = Array.from({ length: 20 }, (_, i) => queue.add('plain', i, { jobId: `full-${i}` }));
    await until('it to be said', () => logger.texts('warn').length > 0);
    await aWhile(1_000);
    await Promise.all(others.map((client) => client.end()));
    for (const job of await Promise.all(adding)) expect(await ended(queue, job)).toBeDefined();
    expect(logger.texts('warn').filter((line) => line.includes('cannot be reached'))).toEqual([
      expect.stringContaining('too many clients'),
    ]);
    expect(logger.texts('error')).toEqual([]);
  });

  it('that leaves a process fewer connections than its pool may have lets it run everything all the same', async () => {
    const database = { url: server.url, schema: 'full' } as TestDatabase;
    const others = await fill();
    closing.push(async () => Promise.all(others.map((client) => client.end())));
    const logger = new RecordingLogger();
    // the pool, LISTEN, and the handlers' own
    for (const client of others.splice(0, 5)) await client.end();
    const start = async (providers: Parameters<typeof startApplication>[1]['providers']) => {
      const app = await startApplication(database, { providers: providers!, options: { logger } });
      closing.push(async () => app.close());
      const jobs = app.get(QueueService);
      return { app, jobs, queue: (name: string) => jobs.queue(name) };
    };
    expect(await runEverything({ start, databaseUrl: server.url })).toEqual(ALL_COMPLETED);
    expect(logger.texts('error')).toEqual([]);
  });
});

describe("the application's own pool", () => {
  const database = testDatabase();
  const start = testApplications(database);

  it('with every client taken for 3 s: nothing fails, and the jobs go on afterwards', async () => {
    const pool = new pg.Pool({ connectionString: database.url, max: 3 });
    closing.push(async () => pool.end());
    const logger = new RecordingLogger();
    const name = newQueue();
    const { queue } = await start({ providers: [everything(name, database.url)], options: { pool, logger } });
    const jobs = queue(name);
    const before = await Promise.all(Array.from({ length: 20 }, (_, i) => jobs.add('plain', i)));
    const taken = await Promise.all([pool.connect(), pool.connect(), pool.connect()]);
    const adding = Array.from({ length: 20 }, (_, i) => jobs.add('plain', i));
    await aWhile(3_000);
    for (const client of taken) client.release();
    for (const job of [...before, ...(await Promise.all(adding))]) await ended(jobs, job);
    expect(logger.texts('error')).toEqual([]);
    expect(logger.texts('warn')).toEqual([]);
  });
});
