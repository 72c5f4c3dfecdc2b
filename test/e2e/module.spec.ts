import { Inject, Injectable, Module } from '@nestjs/common';
import { ConfigModule as ConfigModuleOfNest, ConfigService } from '@nestjs/config';
import { NestFactory } from '@nestjs/core';
import pg from 'pg';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  getQueueToken,
  PgQueueModule,
  type PgQueueModuleOptions,
  type PgQueueOptionsFactory,
  PgQueueRuntime,
  type Queue,
  QueueService,
} from '../../lib/index.js';
import { RecordingLogger } from '../support/application.js';
import { testDatabase } from '../support/database.js';
import { ended, newQueue, processor, testApplications } from '../support/running.js';
import { aWhile } from '../support/signals.js';

const database = testDatabase();
const start = testApplications(database);

afterEach(() => {
  vi.unstubAllEnvs();
});

class Config {
  readonly connection = database.url;
  readonly schema = database.schema;
}
function optionsOf({ connection, schema }: Config): PgQueueModuleOptions {
  return { connection, schema, logger: false };
}

@Module({ providers: [Config], exports: [Config] })
class ConfigModule {}

@Injectable()
class OptionsFactory implements PgQueueOptionsFactory {
  constructor(@Inject(Config) private readonly config: Config) {}

  async createPgQueueOptions(): Promise<PgQueueModuleOptions> {
    return optionsOf(this.config);
  }
}
@Module({ imports: [ConfigModule], providers: [OptionsFactory], exports: [OptionsFactory] })
class OptionsModule {}

describe('forRootAsync()', () => {
  it.each([
    [
      'useFactory with inject',
      () =>
        PgQueueModule.forRootAsync({
          imports: [ConfigModule],
          inject: [Config],
          useFactory: optionsOf,
        }),
    ],
    ['useClass', () => PgQueueModule.forRootAsync({ imports: [ConfigModule], useClass: OptionsFactory })],
    ['useExisting', () => PgQueueModule.forRootAsync({ imports: [OptionsModule], useExisting: OptionsFactory })],
  ])('%s: runs jobs', async (_, make) => {
    const name = newQueue();
    @Module({ imports: [make()], providers: [processor(name, () => 'ran')] })
    class AppModule {}
    const app = await NestFactory.createApplicationContext(AppModule, { logger: false, abortOnError: false });
    const queue = app.get(QueueService).queue(name);
    expect((await ended(queue, await queue.add('job', null))).returnvalue).toBe('ran');
    await app.close();
  });
});

it('takes the options of processors and queues from ConfigService', async () => {
  const name = newQueue();
  let [running, most] = [0, 0];
  const handle = async (): Promise<void> => {
    most = Math.max(most, ++running);
    await aWhile();
    running--;
  };
  vi.stubEnv('JOBS_CONCURRENCY', '3');
  vi.stubEnv('JOBS_ATTEMPTS', '7');
  const values = { database: { connection: database.url, schema: database.schema } };
  @Module({
    imports: [
      ConfigModuleOfNest.forRoot({ isGlobal: true, ignoreEnvFile: true, load: [() => values] }),
      PgQueueModule.registerQueueAsync({
        name,
        inject: [ConfigService],
        useFactory: (config: ConfigService) => ({
          defaultJobOptions: { attempts: Number(config.get('JOBS_ATTEMPTS')) },
        }),
      }),
      PgQueueModule.forRootAsync({
        inject: [ConfigService],
        useFactory: (config: ConfigService) => ({
          ...config.getOrThrow<PgQueueModuleOptions>('database'),
          logger: false,
          processors: { [name]: { concurrency: Number(config.get('JOBS_CONCURRENCY')) } },
        }),
      }),
    ],
    providers: [processor(name, handle, { concurrency: 1 })],
  })
  class AppModule {}
  const app = await NestFactory.createApplicationContext(AppModule, { logger: false, abortOnError: false });
  const queue = app.get<Queue>(getQueueToken(name));
  const jobs = await queue.addBulk(Array.from({ length: 12 }, () => ({ name: 'job', data: null })));
  for (const job of jobs) await ended(queue, job);
  expect([most, jobs[0]!.opts.attempts]).toEqual([3, 7]);
  await app.close();
});

it('processing: false runs nothing until PgQueueRuntime is started, nor after it is stopped', async () => {
  const name = newQueue();
  const { app, queue: of } = await start({ providers: [processor(name, () => 'ran')], options: { processing: false } });
  const [queue, runtime] = [of(name), app.get(PgQueueRuntime)];
  const first = await queue.add('job', 1);
  await aWhile();
  expect([await first.getState(), runtime.running]).toEqual(['waiting', false]);
  await runtime.start();
  expect(runtime.running).toBe(true);
  await ended(queue, first);
  await runtime.stop();
  const second = await queue.add('job', 2);
  await aWhile();
  expect([await second.getState(), runtime.running]).toEqual(['waiting', false]);
  await runtime.start();
  await ended(queue, second);
});

it('a pool of the application’s own is used, and stays open', async () => {
  const pool = new pg.Pool({ connectionString: database.url, max: 3 });
  const name = newQueue();
  const { app, queue } = await start({ providers: [processor(name, () => 'ran')], options: { pool, listen: false } });
  expect((await ended(queue(name), await queue(name).add('job', null))).returnvalue).toBe('ran');
  expect(pool.totalCount).toBeGreaterThan(0);
  const before = pool.listenerCount('error');
  await app.close();
  expect(pool.listenerCount('error')).toBe(before - 1);
  expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  await pool.end();
});

it('DATABASE_URL is the default connection', async () => {
  vi.stubEnv('DATABASE_URL', database.url);
  @Module({ imports: [PgQueueModule.forRoot({ schema: database.schema, logger: false })] })
  class AppModule {}
  const app = await NestFactory.createApplicationContext(AppModule, { logger: false, abortOnError: false });
  expect((await app.get(QueueService).add(newQueue(), 'job', 1)).data).toBe(1);
  await app.close();
});

it('a schema of any name will do, whatever the search path', async () => {
  const schema = `it's "Mine"; ${database.schema.slice(-8)}`;
  const name = newQueue();
  const { app, queue } = await start({
    providers: [processor(name, () => 'ran')],
    options: {
      schema,
      connection: { connectionString: database.url, options: '-c search_path=nowhere' },
    },
  });
  expect((await ended(queue(name), await queue(name).add('job', null))).returnvalue).toBe('ran');
  await app.close();
  await database.client.query(`drop schema ${pg.escapeIdentifier(schema)} cascade`);
});

it('logger: what is said goes there, and with false nowhere', async () => {
  const logger = new RecordingLogger();
  const written = vi.spyOn(process.stdout, 'write');
  const handler = processor('unstorable', () => 1n);
  const fail = async (options: PgQueueModuleOptions): Promise<void> => {
    const { app, queue } = await start({ providers: [handler], options });
    await ended(queue('unstorable'), await queue('unstorable').add('job', null));
    await app.close();
  };
  await fail({ logger });
  expect(logger.texts('error')).toHaveLength(1);
  written.mockClear();
  await fail({ logger: false });
  expect(written.mock.calls.filter(([text]) => String(text).includes('PgQueue'))).toEqual([]);
  written.mockRestore();
});
