import { Injectable, Module, type Type } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { getQueueToken, InjectQueue, PgQueueModule, type PgQueueModuleOptions, Queue } from '../../lib/index.js';
import { testDatabase } from '../support/database.js';
import { ended, newQueue, processor, testApplications } from '../support/running.js';
import { aWhile } from '../support/signals.js';

const database = testDatabase();
const start = testApplications(database);

class Config {
  readonly attempts = 7;
}
@Module({ providers: [Config], exports: [Config] })
class ConfigModule {}

/** The options that a job is stored with. */
async function opts(queue: Queue, options = {}): Promise<unknown> {
  const { id } = await queue.add('job', null, options);
  return (await queue.getJob(id))!.opts;
}

/** How many jobs of a processor ran at once, with the module's options (for it: `processors.it`) and its own. */
async function most(options: PgQueueModuleOptions, own?: number): Promise<number> {
  const name = newQueue();
  let [running, highest] = [0, 0];
  const handler = processor(
    name,
    async () => {
      highest = Math.max(highest, ++running);
      await aWhile(10);
      running--;
    },
    own === undefined ? {} : { concurrency: own },
  );
  const { processors } = options;
  const configured = processors && { processors: { [name]: processors['it']! } };
  const { queue } = await start({ providers: [handler], options: { ...options, ...configured } });
  const jobs = await queue(name).addBulk(Array.from({ length: 20 }, () => ({ name: 'job', data: null })));
  for (const job of jobs) await ended(queue(name), job);
  return highest;
}

describe('job defaults', () => {
  it('come from the module, over them the queue’s, over them add()’s', async () => {
    const name = newQueue();
    const { app, queue } = await start({
      imports: [PgQueueModule.registerQueue({ name, defaultJobOptions: { attempts: 2, priority: 2 } })],
      options: { defaultJobOptions: { attempts: 1, priority: 1, timeout: '1m' } },
    });
    const registered = app.get<Queue>(getQueueToken(name));
    expect(await opts(queue(newQueue()))).toEqual({ attempts: 1, priority: 1, timeout: 60_000 });
    expect(await opts(registered)).toEqual({ attempts: 2, priority: 2, timeout: 60_000 });
    expect(await opts(queue(name))).toEqual({ attempts: 2, priority: 2, timeout: 60_000 });
    expect(await opts(registered, { priority: 3 })).toEqual({ attempts: 2, priority: 3, timeout: 60_000 });
    const [bulk] = await registered.addBulk([{ name: 'job', data: null, opts: { attempts: 9 } }]);
    expect(bulk!.opts).toEqual({ attempts: 9, priority: 2, timeout: 60_000 });
  });

  it('come from registerQueueAsync()’s factory', async () => {
    const name = newQueue();
    @Injectable()
    class Mailer {
      constructor(@InjectQueue(name) readonly queue: Queue) {}
    }
    const { app } = await start({
      imports: [
        PgQueueModule.registerQueueAsync({
          name,
          imports: [ConfigModule],
          inject: [Config],
          useFactory: async ({ attempts }: Config) => ({ defaultJobOptions: { attempts } }),
        }),
      ],
      providers: [Mailer as Type],
    });
    const { queue } = app.get(Mailer);
    expect(queue).toBeInstanceOf(Queue);
    expect((await queue.add('job', null)).opts.attempts).toBe(7);
  });
});

describe('worker options', () => {
  it('of the module’s processors win over @Processor()’s, those over the module’s worker', async () => {
    expect(await most({ worker: { concurrency: 3 } })).toBe(3);
    expect(await most({ worker: { concurrency: 3 } }, 2)).toBe(2);
    expect(await most({ worker: { concurrency: 3 }, processors: { it: { concurrency: 4 } } }, 2)).toBe(4);
  });
});
