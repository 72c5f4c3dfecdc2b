import { describe, expect, it } from 'vitest';
import { ActiveJob, Process, Processor, WorkerHost } from '../../lib/index.js';
import { testDatabase } from '../support/database.js';
import { ended, newQueue, processor, testApplications } from '../support/running.js';

const database = testDatabase();
const start = testApplications(database);

describe('a job is run by', () => {
  it('the method that takes its name, which gets it with its data', async () => {
    const got: unknown[] = [];
    @Processor('by-name')
    class ByName {
      readonly #greeting = 'hello';

      @Process('welcome')
      welcome(job: ActiveJob<{ to: string }>): string {
        got.push([job instanceof ActiveJob, job.queueName, job.name, job.data]);
        return `${this.#greeting} ${job.data.to}`;
      }

      @Process({ name: 'goodbye' })
      async goodbye(job: ActiveJob<{ to: string }>): Promise<{ said: string }> {
        return { said: `goodbye ${job.data.to}` };
      }
    }
    const queue = (await start({ providers: [ByName] })).queue('by-name');
    const welcome = await ended(queue, await queue.add('welcome', { to: 'ann' }));
    const goodbye = await ended(queue, await queue.add('goodbye', { to: 'bob' }));
    expect(got).toEqual([[true, 'by-name', 'welcome', { to: 'ann' }]]);
    expect(welcome.returnvalue).toBe('hello ann');
    expect(goodbye.returnvalue).toEqual({ said: 'goodbye bob' });
  });

  it.each([undefined, '*'])('the catch-all (@Process(%s)) when no other method takes its name', async (name) => {
    const queueName = newQueue();
    @Processor(queueName)
    class CatchAll {
      @Process(name)
      rest(job: ActiveJob): string {
        return `rest ${job.name}`;
      }

      @Process('one')
      one(): string {
        return 'one';
      }
    }
    const queue = (await start({ providers: [CatchAll] })).queue(queueName);
    const added = await queue.addBulk(['one', 'two', '*', 'constructor'].map((one) => ({ name: one, data: null })));
    const results = await Promise.all(added.map(async (job) => (await ended(queue, job)).returnvalue));
    expect(results).toEqual(['one', 'rest two', 'rest *', 'rest constructor']);
  });

  it('the catch-all of another class, which leaves named jobs to the class that names them', async () => {
    const queueName = newQueue();
    const rest = processor(queueName, () => 'rest');
    const named = processor(queueName, () => 'named', {}, 'mine');
    const queue = (await start({ providers: [rest, named] })).queue(queueName);
    const [mine, other] = await queue.addBulk(['mine', 'other'].map((name) => ({ name, data: null })));
    expect((await ended(queue, mine!)).returnvalue).toBe('named');
    expect((await ended(queue, other!)).returnvalue).toBe('rest');
  });

  it('process() of a WorkerHost, whatever its name', async () => {
    @Processor('host')
    class Host extends WorkerHost<{ n: number }, number> {
      async process(job: ActiveJob<{ n: number }, number>): Promise<number> {
        return job.data.n * (job.name === 'double' ? 2 : 3);
      }
    }
    const queue = (await start({ providers: [Host] })).queue('host');
    const [double, triple] = await queue.addBulk(['double', 'triple'].map((name) => ({ name, data: { n: 7 } })));
    expect((await ended(queue, double!)).returnvalue).toBe(14);
    expect((await ended(queue, triple!)).returnvalue).toBe(21);
  });

  it('an inherited @Process() method, on the instance of the subclass', async () => {
    abstract class Base {
      protected abstract readonly who: string;

      @Process('who')
      say(): string {
        return this.who;
      }
    }
    @Processor('inherited')
    class Child extends Base {
      protected readonly who = 'child';
    }
    const queue = (await start({ providers: [Child] })).queue('inherited');
    expect((await ended(queue, await queue.add('who', null))).returnvalue).toBe('child');
  });

  it('a provider with its own dependencies', async () => {
    class Mailer {
      send = (to: string): string => `sent to ${to}`;
    }
    @Processor('injected')
    class Injected {
      constructor(private readonly mailer: Mailer) {}

      @Process()
      send(job: ActiveJob<string>): string {
        return this.mailer.send(job.data);
      }
    }
    const queue = (await start({ providers: [Injected, Mailer] })).queue('injected');
    expect((await ended(queue, await queue.add('mail', 'ann'))).returnvalue).toBe('sent to ann');
  });
});
