import { Injectable, Module, type DynamicModule, type Provider } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TransactionHost } from '@nestjs-cls/transactional';
import pg from 'pg';
import { afterEach, describe, expect, it } from 'vitest';
import {
  type ActiveJob,
  defineQueue,
  getPgQueueRuntimeToken,
  getQueueServiceToken,
  getQueueToken,
  getStreamClientToken,
  getStreamServiceToken,
  InjectQueue,
  type Job,
  OnStreamEvent,
  PgQueueModule,
  PgQueueRuntime,
  Process,
  Processor,
  type Queue,
  QueueService,
  StreamClient,
  StreamConsumer,
  type StreamEvent,
  StreamService,
} from '../../lib/index.js';
import { clsTransactions } from '../support/cls-transactions.js';
import { testDatabase } from '../support/database.js';
import { ended, newQueue } from '../support/running.js';
import { schema } from '../support/schemas.js';
import { until } from '../support/signals.js';

// of one server, as a test has it: what matters is that they share nothing
const main = testDatabase({ migrated: true });
const audit = testDatabase({ migrated: true });
const open: { close(): Promise<void> }[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((app) => app.close()));
});

const ofMain = () => PgQueueModule.forRoot({ connection: main.url, schema: main.schema, logger: false });
const ofAudit = (options: object = {}) =>
  PgQueueModule.forRoot({ name: 'audit', connection: audit.url, schema: audit.schema, logger: false, ...options });

async function application(imports: DynamicModule[], providers: Provider[] = []) {
  @Module({ imports, providers })
  class AppModule {}
  const app = await NestFactory.createApplicationContext(AppModule, { logger: false, abortOnError: false });
  open.push(app);
  return app;
}

function handling(queue: string, database: string | undefined, said: string) {
  @Processor({ name: queue, ...(database !== undefined && { database }) })
  class Handling {
    @Process()
    handle({ data }: ActiveJob): string {
      return `${said} ${data}`;
    }
  }
  return Handling;
}

describe('an application with two databases', () => {
  it('adds to each its own jobs, and runs each one’s by the processors that are bound to it', async () => {
    const name = newQueue();
    const app = await application(
      [ofMain(), ofAudit()],
      [handling(name, undefined, 'main'), handling(name, 'audit', 'audit')],
    );
    const ours = app.get(QueueService).queue(name);
    const theirs = app.get<QueueService>(getQueueServiceToken('audit')).queue(name);
    const jobs = [await ours.add('n', 1), await theirs.add('n', 2)] as const;
    expect((await ended(ours, jobs[0])).returnvalue).toBe('main 1');
    expect((await ended(theirs, jobs[1])).returnvalue).toBe('audit 2');
    expect([await app.get(QueueService).getQueues(), await ours.getJobCounts('completed')]).toMatchObject([
      [name],
      { completed: 1 },
    ]);
  });

  it('injects the queues of each, by name and by contract, with their own defaults', async () => {
    const name = newQueue();
    const Mail = defineQueue(newQueue(), {
      welcome: schema(
        () => [],
        (value: number) => value,
      ),
    });
    @Injectable()
    class Both {
      constructor(
        @InjectQueue(name) readonly ours: Queue,
        @InjectQueue(name, 'audit') readonly theirs: Queue,
        @InjectQueue(Mail, 'audit') readonly mail: Queue,
      ) {}
    }
    const app = await application(
      [
        ofMain(),
        ofAudit(),
        PgQueueModule.registerQueue(
          { name, defaultJobOptions: { attempts: 2 } },
          { name, database: 'audit', defaultJobOptions: { attempts: 7 } },
        ),
        PgQueueModule.registerQueueAsync({ name: Mail, database: 'audit', useFactory: () => ({}) }),
      ],
      [Both],
    );
    const { ours, theirs, mail } = app.get(Both);
    expect([(await ours.add('n', 1)).opts.attempts, (await theirs.add('n', 1)).opts.attempts]).toEqual([2, 7]);
    await mail.add('welcome', 1);
    expect(await app.get<QueueService>(getQueueServiceToken('audit')).getQueues()).toContain(Mail.name);
    expect(await app.get(QueueService).getQueues()).not.toContain(Mail.name);
    expect(app.get(getQueueToken(name, 'audit'))).toBe(theirs);
  });

  it('publishes to each its own streams, and consumes each one’s', async () => {
    const stream = newQueue('stream');
    const seen: string[] = [];
    const consuming = (database?: string) => {
      @StreamConsumer(stream, { group: 'g', startFrom: 'start', ...(database !== undefined && { database }) })
      class Consuming {
        @OnStreamEvent()
        on({ data }: StreamEvent): void {
          seen.push(`${database ?? 'main'} ${data}`);
        }
      }
      return Consuming;
    };
    const app = await application([ofMain(), ofAudit()], [consuming(), consuming('audit')]);
    await app.get(StreamService).publish(stream, { data: 1 });
    await app.get<StreamService>(getStreamServiceToken('audit')).publish(stream, { data: 2 });
    await until('both', () => seen.length === 2);
    expect(seen.toSorted()).toEqual(['audit 2', 'main 1']);
    const client = app.get<StreamClient>(getStreamClientToken('pgqueue', 'audit'));
    expect(await client.subscribe(stream, 'g')).toBe(false);
    expect(await app.get(StreamClient).subscribe(stream, 'g')).toBe(false);
  });

  it('has a runtime for each; and a transaction of each, by the name of its host', async () => {
    const name = newQueue();
    const pool = new pg.Pool({ connectionString: audit.url, max: 2 });
    const imports = [clsTransactions(pool, 'audit'), ofMain(), ofAudit({ processing: false })];
    const app = await application(imports, [handling(name, undefined, 'main'), handling(name, 'audit', 'audit')]);
    const runtimes = [app.get(PgQueueRuntime), app.get<PgQueueRuntime>(getPgQueueRuntimeToken('audit'))] as const;
    expect(runtimes.map(({ running }) => running)).toEqual([true, false]);
    expect(Object.keys((await runtimes[1].stats()).queues)).not.toContain(name);
    const [ours, theirs] = [app.get(QueueService), app.get<QueueService>(getQueueServiceToken('audit'))];
    let job: Job | undefined;
    const failing = TransactionHost.getInstance('audit').withTransaction(async () => {
      job = await ours.add(name, 'n', 1);
      await theirs.add(name, 'n', 2);
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect((await ended(ours.queue(name), job!)).returnvalue).toBe('main 1');
    expect(await theirs.queue(name).getJobs()).toEqual([]);
    await pool.end();
  });

  it('may have none without a name', async () => {
    const name = newQueue();
    const app = await application([ofAudit()], [handling(name, 'audit', 'audit')]);
    const queue = app.get<QueueService>(getQueueServiceToken('audit')).queue(name);
    expect((await ended(queue, await queue.add('n', 1))).returnvalue).toBe('audit 1');
    expect(() => app.get(QueueService)).toThrow(/QueueService/);
  });

  it('takes the options of either from a factory', async () => {
    const options = { connection: audit.url, schema: audit.schema, logger: false as const };
    const app = await application([ofMain(), PgQueueModule.forRootAsync({ name: 'audit', useFactory: () => options })]);
    const name = newQueue();
    await app.get<QueueService>(getQueueServiceToken('audit')).add(name, 'n', 1);
    expect(await app.get(QueueService).queue(name).getJobs()).toEqual([]);
  });
});

describe('refused at startup is', () => {
  it('two databases of one name', async () => {
    await expect(application([ofAudit(), ofAudit({ maxDataDepth: 50 })])).rejects.toThrow(
      /forRoot\(\) with name: 'audit' is imported more than once/,
    );
  });

  it('a processor or consumer of a database that there is not, with those that there are', async () => {
    const starting = application([ofMain(), ofAudit()], [handling(newQueue(), 'reports', '')]);
    await expect(starting).rejects.toMatchObject({ code: 'PGQUEUE_INVALID_OPTIONS', path: 'database' });
    await expect(starting).rejects.toThrow(
      /Handling: @Processor\(\): database = 'reports' is no name of a forRoot\(\); there are: one without a name, 'audit'/,
    );
    @StreamConsumer('s', { group: 'g', database: 'reports' })
    class Consuming {
      @OnStreamEvent()
      on(): void {}
    }
    await expect(application([ofMain()], [Consuming])).rejects.toThrow(
      /Consuming: @StreamConsumer\(\): database = 'reports' is no name/,
    );
  });

  it('a processor that says none where all have names', async () => {
    await expect(application([ofAudit()], [handling(newQueue(), undefined, '')])).rejects.toThrow(
      /database is missing: no forRoot\(\) is without a name, and there are 'audit'/,
    );
  });

  it.each(['', 1])('a name as %j', (name) => {
    expect(() => PgQueueModule.forRoot({ name: name as string })).toThrow(/name/);
  });
});
