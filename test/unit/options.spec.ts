import { Logger } from '@nestjs/common';
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { InvalidOptionsError } from '../../lib/index.js';
import { resolveModuleOptions } from '../../lib/pg-queue.options.js';
import { resolveWorkerOptions } from '../../lib/discovery/worker-options.js';

const URL = 'postgres://localhost/app';

describe('module options', () => {
  it('have defaults', () => {
    const { logger, ...options } = resolveModuleOptions({ connection: URL }, {});
    expect(options).toStrictEqual({
      connection: URL,
      connectTimeout: 30_000,
      notifyInTransaction: true,
      schema: 'pgqueue',
      migrations: 'apply',
      defaultJobOptions: { attempts: 4, priority: 0 },
      worker: {},
      processors: {},
      streams: {},
      processing: true,
      inheritAppConfig: false,
      maintenance: true,
      pgque: { ticker: 'auto', createQueues: false },
      maxDataBytes: 1_048_576,
      maxDataDepth: 100,
    });
    expect(logger).toBeInstanceOf(Logger);
  });

  it('only check the schema in production, unless they say otherwise', () => {
    const env = { NODE_ENV: 'production' };
    expect(resolveModuleOptions({ connection: URL }, env).migrations).toBe('check');
    expect(resolveModuleOptions({ connection: URL, migrations: 'apply' }, env).migrations).toBe('apply');
  });

  it('take the connection from the environment when they give none', () => {
    expect(resolveModuleOptions({}, { DATABASE_URL: URL }).connection).toBe(URL);
    expect(resolveModuleOptions({ connection: 'postgres://x' }, { DATABASE_URL: URL }).connection).toBe('postgres://x');
    expect(resolveModuleOptions({}, { PGHOST: 'db' })).not.toHaveProperty('connection');
    const pool = new pg.Pool();
    expect(resolveModuleOptions({ pool }, { DATABASE_URL: URL })).toMatchObject({ pool });
    expect(resolveModuleOptions({ pool }, { DATABASE_URL: URL })).not.toHaveProperty('connection');
  });

  it('without any connection say what to do', () => {
    for (const env of [{}, { DATABASE_URL: '', PGHOST: '' }]) {
      expect(() => resolveModuleOptions({}, env)).toThrow(InvalidOptionsError);
      expect(() => resolveModuleOptions({}, env)).toThrow(/connection is missing.*DATABASE_URL/);
    }
  });

  it('are milliseconds inside', () => {
    const options = resolveModuleOptions(
      {
        connection: URL,
        connectTimeout: '1m',
        worker: { pollInterval: '2s' },
        processors: { email: { backoff: 5 } },
        streams: { orders: { retention: '7d', behind: { dropAfter: '30d' } }, users: { retention: 0, behind: 'keep' } },
      },
      {},
    );
    expect(options.connectTimeout).toBe(60_000);
    expect(options.worker).toStrictEqual({ pollInterval: 2000 });
    expect(options.processors).toStrictEqual({ email: { backoff: { type: 'fixed', delay: 5 } } });
    expect(options.streams).toStrictEqual({
      orders: { retention: 604_800_000, behind: { dropAfter: 2_592_000_000 } },
      users: { retention: 0, behind: 'keep' },
    });
  });

  it.each<[string, unknown, RegExp]>([
    ['options', null, /object, not null/],
    ['processing', { processing: 'false' }, /must be true or false, not 'false' \(string\)/],
    ['maintenance', { maintenance: 1 }, /must be true or false, not 1 \(number\)/],
    ['schemas', { schemas: 'x' }, /schemas = 'x' \(string\) is no option; did you mean 'schema'\?/],
    ['inheritAppConfig', { inheritAppConfig: 'true' }, /must be true or false, not 'true' \(string\)/],
    ['nothingLikeIt', { nothingLikeIt: true }, /no option; known: connection/],
    ['pool', { pool: new pg.Pool() }, /both given/],
    ['pool', { pool: new pg.Client() }, /must be a Pool of 'pg', not an instance of/],
    ['connection', { connection: '' }, /must be a connection string/],
    ['connection', { connection: 5 }, /not 5 \(number\)/],
    ['connection', { connection: new pg.Pool() }, /goes to pool/],
    ['listen', { listen: true }, /not true/],
    ['connectTimeout', { connectTimeout: '30' }, /not '30' \(string\)/],
    ['connectTimeout', { connectTimeout: 0 }, /more than 0/],
    ['schema', { schema: '' }, /empty/],
    ['schema', { schema: 'ü'.repeat(25) }, /48 bytes/],
    ['schema', { schema: 'a\0' }, /NUL/],
    ['schema', { schema: 'pg_queue' }, /pg_/],
    ['schema', { schema: 1 }, /string/],
    ['migrations', { migrations: true }, /'apply' or 'check' or 'off', not true/],
    ['maxDataBytes', { maxDataBytes: 0 }, /integer from 1/],
    ['maxDataBytes', { maxDataBytes: '1MB' }, /'1MB'/],
    ['maxDataDepth', { maxDataDepth: 1e6 }, /1000/],
    ['logger', { logger: true }, /LoggerService/],
    ['logger', { logger: { log() {} } }, /LoggerService/],
    ['defaultJobOptions.attempts', { defaultJobOptions: { attempts: 0 } }, /not 0/],
    ['defaultJobOptions.delay', { defaultJobOptions: { delay: 0 } }, /no option/],
    ['worker.concurrency', { worker: { concurrency: 0 } }, /integer from 1 to 10000, not 0/],
    ['worker.concurrency', { worker: { concurrency: '5' } }, /'5'/],
    ['worker.concurency', { worker: { concurency: 5 } }, /did you mean 'concurrency'\?/],
    ['worker.pollInterval', { worker: { pollInterval: 0 } }, /more than 0/],
    ['worker.maxStalledCount', { worker: { maxStalledCount: -1 } }, /integer from 0 to 1000, not -1/],
    ['worker.maxStalledCount', { worker: { maxStalledCount: 1.5 } }, /not 1\.5/],
    ['worker.backoff', { worker: { backoff: 'fixed' } }, /object/],
    ['processors', { processors: ['email'] }, /by queue/],
    ['processors.email', { processors: { email: 5 } }, /must be an object/],
    ['processors.email.concurrency', { processors: { email: { concurrency: 1.5 } } }, /1\.5/],
    ['processors["a\\tb"]', { processors: { 'a\tb': {} } }, /a queue's name must not contain control characters/],
    ['streams', { streams: ['orders'] }, /by stream/],
    ['streams.orders', { streams: { orders: '7d' } }, /must be an object/],
    ['streams.orders.retension', { streams: { orders: { retension: '7d' } } }, /no option; did you mean 'retention'\?/],
    ['streams.orders.retention', { streams: { orders: { retention: '7 d' } } }, /not '7 d'/],
    ['streams.orders.behind', { streams: { orders: { behind: 'drop' } } }, /must be 'keep' or \{ dropAfter/],
    ['streams.orders.behind.dropAfter', { streams: { orders: { behind: {} } } }, /is missing/],
    ['streams.orders.behind.dropAfter', { streams: { orders: { behind: { dropAfter: 0 } } } }, /more than 0/],
    ['streams.orders.behind.after', { streams: { orders: { behind: { after: '1d' } } } }, /known: dropAfter/],
    ['streams["a\\tb"]', { streams: { 'a\tb': {} } }, /a stream's name must not contain control characters/],
    ['processors["a b"].shutdownTimeout', { processors: { 'a b': { shutdownTimeout: -1 } } }, /-1/],
  ])('%s of %o is refused', (path, given, message) => {
    const options: unknown = given === null ? null : { connection: URL, ...(given as object) };
    const attempt = (): unknown => resolveModuleOptions(options, {});
    expect(attempt).toThrow(InvalidOptionsError);
    expect(attempt).toThrow(message);
    expect(attempt).toThrow(expect.objectContaining({ path, code: 'PGQUEUE_INVALID_OPTIONS' }));
  });

  it('never show a password', () => {
    const secret = 'postgres://me:hunter2@db/app';
    expect(() => resolveModuleOptions({ conection: secret }, {})).toThrow(/did you mean 'connection'/);
    expect(() => resolveModuleOptions({ conection: secret }, {})).not.toThrow(/hunter2/);
  });
});

describe('worker options', () => {
  it('have defaults; the poll interval stays open', () => {
    expect(resolveWorkerOptions()).toStrictEqual({
      concurrency: 10,
      shutdownTimeout: 10_000,
      maxStalledCount: 2,
      backoff: { type: 'exponential', delay: 1000 },
    });
  });

  it('of a later source win, one by one', () => {
    expect(resolveWorkerOptions({ concurrency: 2, pollInterval: 1 }, { concurrency: 3 }, {})).toMatchObject({
      concurrency: 3,
      pollInterval: 1,
    });
  });
});
