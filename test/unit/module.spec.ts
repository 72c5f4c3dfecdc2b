import { Inject, Injectable, Module, type DynamicModule, type Provider, type Type } from '@nestjs/common';
import { EventEmitter, once } from 'node:events';
import { Test, type TestingModule } from '@nestjs/testing';
import { describe, expect, it, vi } from 'vitest';
import { PgConnection } from '../../lib/engine/postgres/connection.js';
import {
  getQueueToken,
  InjectQueue,
  InvalidOptionsError,
  InvalidProcessorError,
  PgQueueModule,
  PgQueueRuntime,
  Process,
  Processor,
  Queue,
  QueueService,
  type PgQueueModuleOptions,
  type PgQueueOptionsFactory,
} from '../../lib/index.js';
import { QueueRegistry } from '../../lib/queue/queue.registry.js';
import { QueueRuntime } from '../../lib/runtime/runtime.js';
import { PG_QUEUE_OPTIONS } from '../../lib/utils/tokens.js';

const OPTIONS: PgQueueModuleOptions = { connection: 'postgres://nowhere/x', logger: false };

@Processor('email')
class EmailProcessor {
  @Process()
  any(): void {}
}

type Hook = (definitions?: readonly unknown[]) => Promise<void>;

interface Fakes {
  readonly log: string[];
  readonly connection: Record<'start' | 'close', ReturnType<typeof vi.fn<Hook>>>;
  readonly runtime: Record<'start' | 'stop', ReturnType<typeof vi.fn<Hook>>>;
}

/** An application whose connection and runtime only note what is asked of them. */
async function compile(
  imports: (DynamicModule | Type)[],
  providers: Provider[] = [],
): Promise<Fakes & { app: TestingModule }> {
  const log: string[] = [];
  const note = (what: string) => async (): Promise<void> => void log.push(what);
  const { signal: closing } = new AbortController();
  const connection = { closing, start: vi.fn<Hook>(note('connect')), close: vi.fn<Hook>(note('disconnect')) };
  const runtime = { start: vi.fn<Hook>(note('start')), stop: vi.fn<Hook>(note('stop')) };
  const app = await Test.createTestingModule({ imports, providers })
    .overrideProvider(PgConnection)
    .useValue(connection)
    .overrideProvider(QueueRuntime)
    .useValue(runtime)
    .compile();
  return { app, log, connection, runtime };
}

function registering(attempts: number): DynamicModule {
  return PgQueueModule.registerQueue({ name: 'email', defaultJobOptions: { attempts } });
}

async function register(queue: object): Promise<unknown> {
  return compile([PgQueueModule.forRoot(OPTIONS), PgQueueModule.registerQueue(queue as never)]);
}

describe('the lifecycle', () => {
  it('connects, starts with the processors it found, stops, disconnects', async () => {
    const { app, log, runtime } = await compile([PgQueueModule.forRoot(OPTIONS)], [EmailProcessor]);
    expect(log).toStrictEqual([]);
    await app.init();
    expect(log).toStrictEqual(['connect', 'start']);
    expect(runtime.start.mock.calls[0]![0]).toMatchObject([{ label: 'EmailProcessor', queue: 'email' }]);
    expect(app.get(PgQueueRuntime).running).toBe(true);
    await app.close();
    expect(log).toStrictEqual(['connect', 'start', 'stop', 'disconnect']);
    expect(app.get(PgQueueRuntime).running).toBe(false);
  });

  it('drains while global and deeper modules of the application are still open', async () => {
    const closed: string[] = [];
    @Injectable()
    class Database {
      onModuleDestroy(): void {
        closed.push('database');
      }
    }
    @Module({ providers: [Database] })
    class DatabaseModule {}
    const { app, runtime } = await compile(
      [{ module: DatabaseModule, global: true }, PgQueueModule.forRoot(OPTIONS)],
      [EmailProcessor],
    );
    runtime.stop.mockImplementation(async () => void closed.push('worker'));
    await app.init();
    await app.close();
    expect(closed).toStrictEqual(['worker', 'database']);
  });

  it('with processing false looks at the processors, and runs none until it is told to', async () => {
    const { app, log } = await compile([PgQueueModule.forRoot({ ...OPTIONS, processing: false })], [EmailProcessor]);
    await app.init();
    expect(log).toStrictEqual(['connect']);
    await app.get(PgQueueRuntime).start();
    expect(log).toStrictEqual(['connect', 'start']);
    await app.close();
  });

  it('disconnects when a processor is refused', async () => {
    @Processor('q')
    class Empty {}
    const { app, log } = await compile([PgQueueModule.forRoot(OPTIONS)], [Empty]);
    await expect(app.init()).rejects.toThrow(InvalidProcessorError);
    expect(log).toStrictEqual(['connect', 'stop', 'disconnect']);
  });

  it('stop() during start() stops when it has started; start() after it starts again', async () => {
    const { app, log, runtime } = await compile([PgQueueModule.forRoot({ ...OPTIONS, processing: false })]);
    await app.init();
    const gate = new EventEmitter();
    const opened = once(gate, 'open');
    runtime.start.mockImplementationOnce(async () => {
      await opened;
      log.push('started');
    });
    const lifecycle = app.get(PgQueueRuntime);
    const all = [lifecycle.start(), lifecycle.stop(), lifecycle.stop(), lifecycle.start()];
    await Promise.resolve();
    gate.emit('open');
    await Promise.all(all);
    expect(log).toStrictEqual(['connect', 'started', 'stop', 'stop', 'start']);
  });

  it('a start that fails disconnects, and is not running', async () => {
    const { app, log, runtime } = await compile([PgQueueModule.forRoot(OPTIONS)]);
    runtime.start.mockRejectedValueOnce(new Error('no'));
    await expect(app.init()).rejects.toThrow('no');
    expect(app.get(PgQueueRuntime).running).toBe(false);
    expect(log).toStrictEqual(['connect', 'stop', 'disconnect']);
  });
});

describe('forRoot()', () => {
  it('is refused twice in one application, before anything connects', async () => {
    @Module({ imports: [PgQueueModule.forRoot(OPTIONS)] })
    class FeatureModule {}
    const { app, log } = await compile([PgQueueModule.forRoot(OPTIONS), FeatureModule]);
    await expect(app.init()).rejects.toThrow(InvalidOptionsError);
    await expect(app.init()).rejects.toThrow(/imported more than once/);
    expect(log).not.toContain('connect');
  });

  it('is independent in two applications', async () => {
    const module = PgQueueModule.forRoot(OPTIONS);
    const one = await compile([module]);
    const two = await compile([module]);
    await one.app.init();
    await two.app.init();
    await one.app.close();
    expect(two.log).toStrictEqual(['connect', 'start']);
    await two.app.close();
  });

  it('refuses wrong options at startup', async () => {
    await expect(compile([PgQueueModule.forRoot({ ...OPTIONS, processing: 'false' as never })])).rejects.toThrow(
      /processing must be true or false, not 'false' \(string\)/,
    );
  });

  it('makes QueueService injectable everywhere', async () => {
    @Injectable()
    class Mailer {
      constructor(@Inject(QueueService) readonly queues: QueueService) {}
    }
    @Module({ providers: [Mailer] })
    class MailModule {}
    const { app } = await compile([MailModule, PgQueueModule.forRoot(OPTIONS)]);
    expect(app.get(Mailer, { strict: false }).queues).toBeInstanceOf(QueueService);
  });
});

describe('forRootAsync()', () => {
  const CONFIG = Symbol('config');
  @Module({ providers: [{ provide: CONFIG, useValue: { schema: 'jobs' } }], exports: [CONFIG] })
  class ConfigModule {}

  @Injectable()
  class Factory implements PgQueueOptionsFactory {
    async createPgQueueOptions(): Promise<PgQueueModuleOptions> {
      return { ...OPTIONS, schema: 'made' };
    }
  }
  @Module({ providers: [Factory], exports: [Factory] })
  class FactoryModule {}

  it.each([
    [
      'useFactory with injected configuration',
      'jobs',
      {
        imports: [ConfigModule],
        inject: [CONFIG],
        useFactory: async ({ schema }: { schema: string }) => ({ ...OPTIONS, schema }),
      },
    ],
    ['useClass', 'made', { useClass: Factory }],
    ['useExisting', 'made', { imports: [FactoryModule], useExisting: Factory }],
  ])('takes its options from %s', async (_how, schema, options) => {
    const { app } = await compile([PgQueueModule.forRootAsync(options)]);
    expect(app.get(PG_QUEUE_OPTIONS)).toMatchObject({ schema });
  });

  it('refuses a factory that forgets to return', async () => {
    const useFactory = (() => undefined) as unknown as () => PgQueueModuleOptions;
    await expect(compile([PgQueueModule.forRootAsync({ useFactory })])).rejects.toThrow(
      /must be an object, not undefined/,
    );
  });
});

describe('registerQueue()', () => {
  @Injectable()
  class Mailer {
    constructor(@InjectQueue('email') readonly queue: Queue) {}
  }

  it('makes the queue injectable, with its defaults', async () => {
    const { app } = await compile(
      [
        PgQueueModule.forRoot(OPTIONS),
        PgQueueModule.registerQueue({ name: 'email', defaultJobOptions: { attempts: 9 } }, { name: 'sms' }),
      ],
      [Mailer],
    );
    expect(app.get(Mailer).queue).toBeInstanceOf(Queue);
    expect(app.get(Mailer).queue.name).toBe('email');
    expect(app.get(getQueueToken('sms'), { strict: false }).name).toBe('sms');
    expect(app.get(QueueRegistry, { strict: false }).defaultsFor('email').attempts).toBe(9);
  });

  it('twice is refused with other defaults', async () => {
    await expect(compile([PgQueueModule.forRoot(OPTIONS), registering(1), registering(2)])).rejects.toThrow(
      /registered twice/,
    );
  });

  it('refuses wrong defaults and unknown options', async () => {
    await expect(register({ name: 'q', defaultJobOptions: { attempts: '3' } })).rejects.toMatchObject({
      path: 'defaultJobOptions.attempts',
    });
    await expect(register({ name: 'q', concurrency: 5 })).rejects.toMatchObject({ path: 'concurrency' });
    await expect(register({ name: '' })).rejects.toMatchObject({ path: 'name' });
    await expect(register({ name: 'a\nb' })).rejects.toThrow(
      /^PgQueueModule\.registerQueue\(\): name must not contain control characters .*: 'a\\nb' \(string\)/,
    );
  });

  it.each<[string, unknown]>([
    ['retention', '1h'],
    ['retention.complete', { complete: { age: '1h' } }],
    ['retention.completed', { completed: '1h' }],
    ['retention.completed.age', { completed: { age: 'an hour' } }],
    ['retention.completed.age', { completed: { age: -1 } }],
    ['retention.completed.limit', { completed: { limit: 5 } }],
    ['retention.failed.count', { failed: { count: 1.5 } }],
    ['retention.failed.count', { failed: { count: -1 } }],
    ['retention.failed.count', { failed: { age: '3d', count: '100' } }],
  ])('refuses %s of %j', async (path, retention) => {
    await expect(register({ name: 'q', retention })).rejects.toThrow(InvalidOptionsError);
    await expect(register({ name: 'q', retention })).rejects.toMatchObject({ path });
  });

  it('keeps what is said of retention, in milliseconds', async () => {
    const retention = { completed: { age: '6h', count: 0 }, failed: { count: 100 } } as const;
    const { app } = await compile([
      PgQueueModule.forRoot(OPTIONS),
      PgQueueModule.registerQueue({ name: 'email', retention }, { name: 'sms' }),
      // the same again, and without any, are no contradictions
      PgQueueModule.registerQueue({ name: 'email', retention }, { name: 'email' }),
    ]);
    expect(Object.fromEntries(app.get(QueueRegistry, { strict: false }).retentions)).toStrictEqual({
      email: { completed: { age: 21_600_000, count: 0 }, failed: { count: 100 } },
    });
  });

  it('twice is refused with another retention', async () => {
    const kept = (count: number): DynamicModule =>
      PgQueueModule.registerQueue({ name: 'email', retention: { completed: { count } } });
    await expect(compile([PgQueueModule.forRoot(OPTIONS), kept(1), kept(2)])).rejects.toMatchObject({
      path: 'retention',
    });
  });

  it('async takes the options from a factory, a class or an existing provider', async () => {
    const ATTEMPTS = Symbol('attempts');
    @Injectable()
    class Factory {
      createQueueOptions() {
        return { defaultJobOptions: { attempts: 5 } };
      }
    }
    @Module({ providers: [Factory, { provide: ATTEMPTS, useValue: 6 }], exports: [Factory, ATTEMPTS] })
    class ConfigModule {}
    const { app } = await compile(
      [
        PgQueueModule.forRoot(OPTIONS),
        PgQueueModule.registerQueueAsync(
          { name: 'email', useClass: Factory },
          { name: 'sms', imports: [ConfigModule], useExisting: Factory },
          {
            name: 'fax',
            imports: [ConfigModule],
            inject: [ATTEMPTS],
            useFactory: (attempts: number) => ({ defaultJobOptions: { attempts } }),
          },
        ),
      ],
      [Mailer],
    );
    const registry = app.get(QueueRegistry, { strict: false });
    expect(['email', 'sms', 'fax'].map((name) => registry.defaultsFor(name).attempts)).toStrictEqual([5, 5, 6]);
    expect(app.get(Mailer).queue.name).toBe('email');
    expect(() => PgQueueModule.registerQueueAsync({ name: 'x' })).toThrow(InvalidOptionsError);
  });
});
