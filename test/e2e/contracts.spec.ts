import { Injectable, type DynamicModule, type Type } from '@nestjs/common';
import { type } from 'arktype';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  type ActiveJob,
  defineQueue,
  getQueueToken,
  InjectQueue,
  InvalidJobDataError,
  InvalidJobError,
  type Job,
  type JobOf,
  type JobSchemas,
  OnWorkerEvent,
  PgQueueModule,
  Process,
  Processor,
  Queue,
  type QueueContract,
  type StandardSchema,
  TypedQueue,
  WorkerHost,
} from '../../lib/index.js';
import { countedPool } from '../support/counted-pool.js';
import { testDatabase } from '../support/database.js';
import { ended, inState, newQueue, processor, type RunningApplication, testApplications } from '../support/running.js';
import { deferred, until } from '../support/signals.js';

const database = testDatabase();
const start = testApplications(database);

/** The same in three languages: `on` is a text outside and a Date inside, `copies` has a default. */
const LIBRARIES = {
  zod: {
    order: z.object({
      user: z.object({ email: z.email() }),
      on: z.iso.datetime().transform((text) => new Date(text)),
      copies: z.number().default(1),
      tags: z.array(z.string()).optional(),
    }),
    note: z.string(),
  },
  valibot: {
    order: v.object({
      user: v.object({ email: v.pipe(v.string(), v.email()) }),
      on: v.pipe(
        v.string(),
        v.isoTimestamp(),
        v.transform((text) => new Date(text)),
      ),
      copies: v.optional(v.number(), 1),
      tags: v.optional(v.array(v.string())),
    }),
    note: v.string(),
  },
  arktype: {
    order: type({
      user: { email: 'string.email' },
      on: 'string.date.iso.parse',
      copies: 'number = 1',
      'tags?': 'string[]',
    }),
    note: type('string'),
  },
} satisfies Record<string, JobSchemas>;

/** As zod's: what the others' types say is the same, and they are tested where types are. */
const LANGUAGES = Object.entries(LIBRARIES) as [string, (typeof LIBRARIES)['zod']][];

const ON = '2030-01-02T03:04:05.000Z';
const GOOD = { user: { email: 'ada@example.com' }, on: ON };

/** A schema by hand, for what no library is asked to do. */
function schema(validate: StandardSchema['~standard']['validate']): StandardSchema {
  return { '~standard': { version: 1, vendor: 'by hand', validate } };
}

/** What adding is refused with, and that nothing was written. */
async function refusalOf(queue: Queue, adding: Promise<unknown>): Promise<InvalidJobError> {
  const error = await adding.then(
    () => expect.fail('it was added'),
    (refusal: unknown) => refusal as InvalidJobError,
  );
  expect(error).toBeInstanceOf(InvalidJobError);
  expect(await queue.getJobs()).toEqual([]);
  return error;
}

/** Without a contract: as somebody adds who does not know it, an older process or SQL. */
async function addBehind({ jobs }: RunningApplication, queue: string, name: string, data: unknown): Promise<Job> {
  return jobs.add(queue, name, data, { attempts: 3, backoff: 1 });
}

describe.each(LANGUAGES)('a contract of %s', (_, schemas) => {
  const define = () => defineQueue(newQueue(), schemas);

  it('stores what was added, and gives the handler what its schema makes of it', async () => {
    const Orders = define();
    const got: JobOf<typeof Orders, 'order'>[] = [];
    @Processor(Orders)
    class Orders_ {
      @Process(Orders, 'order')
      order(job: JobOf<typeof Orders, 'order'>): number {
        got.push(job);
        return job.data.on.getTime() + job.data.copies;
      }
    }
    const { jobs } = await start({ providers: [Orders_] });
    const queue = jobs.queue(Orders);
    const added = await queue.add('order', GOOD);
    expect(added.data).toEqual(GOOD);
    const job = await ended(queue, added);
    expect([job.returnvalue, job.data]).toEqual([Date.parse(ON) + 1, GOOD]);
    expect(got[0]!.data).toEqual({ ...GOOD, on: new Date(ON), copies: 1 });
    expect(got[0]!.data).toBe(got[0]!.data);
  });

  it('refuses what does not fit before anything is written, with the issues and where the first is', async () => {
    const { jobs } = await start();
    const queue = jobs.queue(define());
    const bad = { user: { email: 'nobody' }, on: ON, tags: ['a', 5], copies: 'two' };
    const error = await refusalOf(queue, queue.add('order', bad as never));
    expect(error).toMatchObject({ code: 'PGQUEUE_INVALID_JOB', path: expect.stringMatching(/^data\./) });
    const paths = error.issues.map(({ path }) => (path as PropertyKey[]).map(String).join('.'));
    expect(paths.toSorted()).toEqual(['copies', 'tags.1', 'user.email']);
    for (const { message } of error.issues) expect(error.message).toContain(message);
    expect(error.message).toMatch(/data\.user\.email: .*data\.tags\[1\]: |data\.tags\[1\]: .*data\.user\.email: /);
    const one = await refusalOf(queue, queue.add('order', { ...GOOD, user: { email: 'nobody' } }));
    expect(one.path).toBe('data.user.email');
    // of the whole
    expect(await refusalOf(queue, queue.add('note', 5 as never))).toMatchObject({ path: 'data' });
  });

  it('has jobs that do not fit die at once, with the issues as the reason and no attempt charged', async () => {
    const Orders = define();
    const ran: unknown[] = [];
    const heard: unknown[] = [];
    @Processor(Orders)
    class Orders_ {
      @Process(Orders, 'order')
      order({ data }: JobOf<typeof Orders, 'order'>): void {
        ran.push(data);
      }

      @OnWorkerEvent('active')
      active(): void {
        heard.push('active');
      }

      @OnWorkerEvent('failed')
      failed(job: Job, error: Error): void {
        heard.push([job.data, job.attemptsMade, error]);
      }
    }
    const running = await start({ providers: [Orders_] });
    const bad = { ...GOOD, user: { email: 'nobody' } };
    const queue = running.jobs.queue(Orders.name);
    const dead = await ended(queue, await addBehind(running, Orders.name, 'order', bad));
    expect([await dead.getState(), dead.attemptsMade, dead.attemptsStarted, dead.opts.attempts]).toEqual([
      'failed',
      0,
      0,
      3,
    ]);
    expect(dead.failedReason).toMatch(/^data\.user\.email: ./);
    expect(dead.stacktrace).toEqual([expect.stringContaining('InvalidJobDataError: data.user.email: ')]);
    await until('it to be heard', () => heard.length > 0);
    expect(heard).toEqual([[bad, 0, expect.any(InvalidJobDataError)]]);
    expect((heard as [[unknown, unknown, InvalidJobDataError]])[0][2]).toMatchObject({
      code: 'PGQUEUE_INVALID_JOB_DATA',
      path: 'data.user.email',
      message: dead.failedReason,
      issues: [{ path: ['user', 'email'] }],
    });
    expect(ran).toEqual([]);
  });
});

describe('what is stored is what is validated', () => {
  it('a Date is the text that JSON makes of it', async () => {
    const { jobs } = await start();
    const queue = jobs.queue(
      defineQueue(newQueue(), { date: z.object({ at: z.date() }), text: z.object({ at: z.coerce.date() }) }),
    );
    const at = new Date(ON);
    expect(await refusalOf(queue, queue.add('date', { at }))).toMatchObject({ path: 'data.at' });
    expect((await queue.add('text', { at })).data).toEqual({ at: ON });
  });

  it('without data is null, and what only JSON keeps out counts', async () => {
    const { jobs } = await start();
    const queue = jobs.queue(
      defineQueue(newQueue(), { nothing: z.null(), strict: z.strictObject({ a: z.string().optional() }) }),
    );
    await queue.add('nothing', undefined as never);
    await queue.add('strict', { a: undefined, b: undefined } as never);
    expect(await queue.getJobCounts('waiting')).toMatchObject({ waiting: 2 });
  });

  it('an asynchronous schema is waited for, at both ends', async () => {
    const customers = new Set(['ada']);
    const known = z.string().refine(async (name) => customers.has(name), 'is no customer');
    const Bills = defineQueue(newQueue(), { bill: known.transform((name) => ({ name })) });
    const billed: string[] = [];
    @Processor(Bills)
    class Bills_ {
      @Process(Bills, 'bill')
      async bill({ data }: JobOf<typeof Bills, 'bill'>): Promise<void> {
        billed.push(data.name);
      }
    }
    const running = await start({ providers: [Bills_] });
    const queue = running.jobs.queue(Bills);
    expect(await refusalOf(queue, queue.add('bill', 'eve'))).toMatchObject({ issues: [{ message: 'is no customer' }] });
    await ended(queue, await queue.add('bill', 'ada'));
    const dead = await ended(queue, await addBehind(running, Bills.name, 'bill', 'eve'));
    expect([billed, dead.failedReason, dead.attemptsMade]).toEqual([['ada'], 'data: is no customer', 0]);
  });
});

describe('a TypedQueue', () => {
  const Mail = () =>
    defineQueue(newQueue(), { welcome: z.object({ to: z.string() }), constructor: z.object({ of: z.string() }) });

  it('refuses a name that the contract does not have', async () => {
    const { jobs } = await start();
    const queue = jobs.queue(Mail());
    const error = await refusalOf(queue, queue.add('welcom' as never, {} as never));
    expect(error).toMatchObject({ path: 'name', issues: [], message: expect.stringMatching(/'welcom'.*'welcome'\?/) });
    expect(await refusalOf(queue, queue.add('toString' as never, {} as never))).toMatchObject({ path: 'name' });
    await queue.add('constructor', { of: 'nothing' });
  });

  it('adds in bulk all or none, and says which does not fit', async () => {
    const { jobs } = await start();
    const queue = jobs.queue(Mail());
    const good = { name: 'welcome', data: { to: 'ada' } } as const;
    const bad = { name: 'constructor', data: { of: 5 as never } } as const;
    expect(await refusalOf(queue, queue.addBulk([good, bad, bad]))).toMatchObject({
      path: 'jobs[1].data.of',
      issues: [{ path: ['of'] }],
    });
    const stranger = { name: 'goodbye' as never, data: {} as never };
    expect(await refusalOf(queue, queue.addBulk([good, stranger]))).toMatchObject({ path: 'jobs[1].name' });
    const [one, two] = await queue.addBulk([good, { name: 'constructor', data: { of: 'x' } }]);
    expect([one.data.to, two.data.of]).toEqual(['ada', 'x']);
  });

  it('is a Queue: its jobs are looked after alike', async () => {
    const { jobs } = await start();
    const queue = jobs.queue(Mail());
    expect(queue).toBeInstanceOf(Queue);
    const { id } = await queue.add('welcome', { to: 'ada' }, { delay: '1h' });
    const job = (await queue.getJob(id))!;
    expect(job.name === 'welcome' && job.data.to).toBe('ada');
    expect((await queue.getJobs('delayed')).map(({ name }) => name)).toEqual(['welcome']);
    await queue.drain(true);
    expect(await queue.getJob(id)).toBeUndefined();
  });

  it('shares statements among what is added at the same time', async () => {
    const { pool, statements } = countedPool(database.url, /add_jobs(_and_wake)?\(/);
    try {
      const { app, jobs } = await start({ options: { pool } });
      const queue = jobs.queue(Mail());
      const adding = Array.from({ length: 100 }, (_, i) => queue.add('welcome', { to: `user ${i}` }));
      const added = await Promise.all(adding);
      expect(added.map(({ data }) => data.to)).toEqual(adding.map((_, i) => `user ${i}`));
      expect(statements.length).toBeLessThanOrEqual(5);
      await app.close();
    } finally {
      await pool.end();
    }
  });

  it('adds in the caller’s transaction, and what does not fit does not abort it', async () => {
    const { jobs } = await start();
    const queue = jobs.queue(Mail());
    const { client } = database;
    await client.query('begin');
    await refusedInside(queue.add('welcome', {} as never, { tx: client }));
    const job = await queue.add('welcome', { to: 'ada' }, { tx: client });
    await refusedInside(queue.addBulk([{ name: 'welcome', data: {} as never }], { tx: client }));
    await client.query('commit');
    expect((await queue.getJobs()).map(({ id }) => id)).toEqual([job.id]);
  });

  const refusedInside = (adding: Promise<unknown>): Promise<void> => expect(adding).rejects.toThrow(InvalidJobError);

  it('validates updateData(), of a job that was found and of one that runs', async () => {
    const Orders = defineQueue(newQueue(), { order: LIBRARIES.zod.order });
    const seen: unknown[] = [];
    const again = deferred();
    @Processor(Orders)
    class Orders_ {
      @Process(Orders, 'order')
      async order(job: JobOf<typeof Orders, 'order'>): Promise<void> {
        seen.push(job.data);
        if (job.attemptsStarted > 1) return;
        await expect(job.updateData({ ...GOOD, on: 'soon' })).rejects.toMatchObject({ path: 'data.on' });
        seen.push(job.data);
        await job.updateData({ ...GOOD, copies: 3 });
        seen.push(job.data);
        await again.promise;
        throw new Error('once more');
      }
    }
    const { jobs } = await start({ providers: [Orders_] });
    const queue = jobs.queue(Orders);
    const added = await queue.add('order', GOOD, { delay: '1h', backoff: 1 });
    await expect(added.updateData({} as never)).rejects.toMatchObject({ issues: { length: 2 } });
    await added.updateData({ ...GOOD, copies: 2 });
    expect(added.data).toEqual({ ...GOOD, copies: 2 });
    const found = (await queue.getJob(added.id))!;
    await expect(found.updateData({} as never)).rejects.toMatchObject({ issues: { length: 2 } });
    await found.promote();
    again.resolve();
    await ended(queue, added);
    const [two, three] = [2, 3].map((copies) => ({ ...GOOD, on: new Date(ON), copies }));
    expect(seen).toEqual([two, two, three, three]);
  });
});

describe('registerQueue() of a contract', () => {
  const schemas = { welcome: z.object({ to: z.string() }) };
  const bad = { to: 5 };

  it('makes it injectable by the contract and by its name', async () => {
    const Email = defineQueue(newQueue(), schemas);
    @Injectable()
    class Mailer {
      constructor(
        @InjectQueue(Email) readonly typed: TypedQueue<typeof Email>,
        @InjectQueue(Email.name) readonly byName: Queue,
      ) {}
    }
    const { app } = await start({ imports: [PgQueueModule.registerQueue(Email)], providers: [Mailer] });
    const { typed, byName } = app.get(Mailer);
    expect([typed, byName, app.get(getQueueToken(Email))]).toEqual([expect.any(TypedQueue), typed, typed]);
    const error = await refusalOf(byName, byName.add('welcome', bad));
    expect(error.path).toBe('data.to');
  });

  it.each<[string, (Email: QueueContract) => DynamicModule]>([
    [
      'registerQueue({ name: contract })',
      (name) => PgQueueModule.registerQueue({ name, defaultJobOptions: { attempts: 7 } }),
    ],
    [
      'registerQueueAsync({ name: contract })',
      (name) => PgQueueModule.registerQueueAsync({ name, useFactory: () => ({ defaultJobOptions: { attempts: 7 } }) }),
    ],
  ])('takes options beside it: %s', async (_, register) => {
    const Email = defineQueue(newQueue(), schemas);
    const { app } = await start({ imports: [register(Email)] });
    const queue = app.get<TypedQueue<typeof Email>>(getQueueToken(Email));
    await refusalOf(queue, queue.add('welcome', bad as never));
    const job = await queue.add('welcome', { to: 'ada' });
    expect(job.opts.attempts).toBe(7);
  });

  it('validates what is added by name alone, also by whoever was made before', async () => {
    const Email = defineQueue(newQueue(), schemas);
    const { jobs } = await start({ imports: [PgQueueModule.registerQueue(Email)] });
    const queue = jobs.queue(Email.name);
    await refusalOf(queue, jobs.add(Email.name, 'welcome', bad));
    await refusalOf(queue, jobs.add(Email.name, 'goodbye', {}));
    await refusalOf(queue, jobs.addBulk(Email.name, [{ name: 'welcome', data: bad }]));
    const job = await jobs.add(Email.name, 'welcome', { to: 'ada' });
    await expect(job.updateData(bad as never)).rejects.toThrow(InvalidJobError);
  });

  it('is what @InjectQueue() of the contract asks for: of a queue that is registered by its name only nothing starts', async () => {
    const Email = defineQueue(newQueue(), schemas);
    @Injectable()
    class Mailer {
      constructor(@InjectQueue(Email) readonly typed: TypedQueue<typeof Email>) {}
    }
    const starting = start({ imports: [PgQueueModule.registerQueue({ name: Email.name })], providers: [Mailer] });
    await expect(starting).rejects.toThrow(`PgQueueContract_${Email.name}`);
  });

  it('says nothing to a processor, which gets what is stored unless it names the contract itself', async () => {
    const Email = defineQueue(newQueue(), { welcome: z.string().transform((to) => to.toUpperCase()) });
    const got: unknown[] = [];
    const { jobs } = await start({
      imports: [PgQueueModule.registerQueue(Email)],
      providers: [processor(Email.name, ({ data }) => void got.push(data))],
    });
    const queue = jobs.queue(Email);
    await ended(queue, await queue.add('welcome', 'ada'));
    expect(got).toEqual(['ada']);
  });

  it('validates nothing in a process that knows the queue by its name only', async () => {
    const Email = defineQueue(newQueue(), schemas);
    const { jobs } = await start({ imports: [PgQueueModule.registerQueue({ name: Email.name })] });
    await jobs.add(Email.name, 'goodbye', bad);
    expect(await jobs.queue(Email.name).getJobCounts('waiting')).toMatchObject({ waiting: 1 });
  });

  it('may be said several times, if it is the same', async () => {
    const name = newQueue();
    const twice = [defineQueue(name, schemas), defineQueue(name, { ...schemas })];
    const { app } = await start({ imports: twice.map((one) => PgQueueModule.registerQueue(one)) });
    expect(app.get(getQueueToken(twice[1]!))).toBeInstanceOf(TypedQueue);
  });
});

describe('before the handler', () => {
  const welcome = z.object({ to: z.string().transform((to) => to.toUpperCase()) });

  /** What came to a processor of these jobs, and how they ended. */
  async function run(
    Email: QueueContract,
    of: Type,
    jobs: readonly [name: string, data: unknown][],
  ): Promise<(string | null)[]> {
    const running = await start({ providers: [of] });
    const queue = running.jobs.queue(Email.name);
    const ends: (string | null)[] = [];
    for (const [name, data] of jobs) {
      const job = await ended(queue, await addBehind(running, Email.name, name, data));
      ends.push(job.failedReason ?? JSON.stringify(job.returnvalue));
    }
    return ends;
  }

  it('a class’s contract is that of its methods by plain name, and of its catch-all, which takes other names as they are', async () => {
    const Email = defineQueue(newQueue(), { welcome, receipt: welcome });
    @Processor({ name: Email })
    class Both {
      @Process('welcome')
      one(job: ActiveJob): unknown {
        return job.data;
      }

      @Process()
      rest(job: ActiveJob): unknown {
        return [job.name, job.data];
      }
    }
    const ends = await run(Email, Both, [
      ['welcome', { to: 'ada' }],
      ['welcome', {}],
      ['receipt', { to: 'bob' }],
      ['receipt', {}],
      ['other', { to: 5 }],
      ['toString', { to: 5 }],
    ]);
    expect(ends).toEqual([
      '{"to":"ADA"}',
      expect.stringMatching(/^data\.to: /),
      '["receipt",{"to":"BOB"}]',
      expect.stringMatching(/^data\.to: /),
      '["other",{"to":5}]',
      '["toString",{"to":5}]',
    ]);
  });

  it('so it is of a WorkerHost', async () => {
    const Email = defineQueue(newQueue(), { welcome });
    @Processor(Email)
    class Host extends WorkerHost {
      async process(job: JobOf<typeof Email>): Promise<string> {
        return job.data.to;
      }
    }
    expect(
      await run(Email, Host, [
        ['welcome', { to: 'ada' }],
        ['welcome', {}],
      ]),
    ).toEqual(['"ADA"', expect.stringMatching(/^data\.to: /)]);
  });

  it('a method’s contract is its own, in a class that knows the queue by name', async () => {
    const Email = defineQueue(newQueue(), { welcome, receipt: welcome });
    @Processor(Email.name)
    class Some {
      @Process(Email, 'welcome', { timeout: '1m' })
      one(job: JobOf<typeof Email, 'welcome'>): string {
        return job.data.to;
      }

      @Process('receipt')
      two(job: ActiveJob): unknown {
        return job.data;
      }
    }
    expect(
      await run(Email, Some, [
        ['welcome', { to: 'ada' }],
        ['welcome', {}],
        ['receipt', { to: 5 }],
      ]),
    ).toEqual(['"ADA"', expect.stringMatching(/^data\.to: /), '{"to":5}']);
  });

  it('a name nobody takes waits for a process that does, contract or not', async () => {
    const Email = defineQueue(newQueue(), { welcome, receipt: welcome });
    @Processor(Email)
    class Welcomes {
      @Process(Email, 'welcome')
      one(): void {}
    }
    const running = await start({ providers: [Welcomes] });
    const queue = running.jobs.queue(Email);
    const others = [await queue.add('receipt', { to: 'ada' }), await addBehind(running, Email.name, 'other', 5)];
    await ended(queue, await queue.add('welcome', { to: 'ada' }));
    for (const { id } of others) expect(await (await queue.getJob(id))!.getState()).toBe('waiting');
  });

  it('what the schema makes may be anything, undefined too', async () => {
    const Email = defineQueue(newQueue(), {
      gone: z.string().transform(() => undefined),
      big: z.string().transform((text) => new Map([[text, BigInt(text)]])),
    });
    const got: unknown[] = [];
    await run(
      Email,
      withContract(Email, (job) => void got.push(job.data)),
      [
        ['gone', 'x'],
        ['big', '5'],
      ],
    );
    expect(got).toEqual([undefined, new Map([['5', 5n]])]);
  });

  it('a job dies of data that came after attempts that count', async () => {
    const Email = defineQueue(newQueue(), { welcome });
    const running = await start({
      providers: [
        withContract(Email, async (job) => {
          // as somebody does who does not know the contract
          await running.jobs
            .queue(Email.name)
            .getJob(job.id)
            .then((found) => found!.updateData({ to: 5 }));
          throw new Error('the first');
        }),
      ],
    });
    const queue = running.jobs.queue(Email.name);
    const dead = await ended(queue, await addBehind(running, Email.name, 'welcome', { to: 'ada' }));
    expect([dead.attemptsMade, dead.stacktrace.length, dead.failedReason]).toEqual([
      1,
      2,
      expect.stringMatching(/^data\.to: /),
    ]);
  });

  it('and retry() gives it all of its attempts again', async () => {
    const accepting = { all: false };
    const Email = defineQueue(newQueue(), {
      welcome: schema((value) => (accepting.all ? { value } : { issues: [{ message: 'not yet' }] })),
    });
    const attempts: number[] = [];
    const running = await start({
      providers: [
        withContract(Email, (job) => {
          attempts.push(job.attemptsStarted);
          throw new Error('the handler failed');
        }),
      ],
    });
    const queue = running.jobs.queue(Email.name);
    const dead = await ended(queue, await addBehind(running, Email.name, 'welcome', null));
    expect([dead.failedReason, dead.attemptsMade]).toEqual(['data: not yet', 0]);
    accepting.all = true;
    await dead.retry();
    expect(await ended(queue, dead)).toMatchObject({ attemptsMade: 3, failedReason: 'the handler failed' });
    expect(attempts).toEqual([1, 2, 3]);
  });

  it('an attempt ends at its timeout while its schema takes its time, and its handler never begins', async () => {
    const gate = deferred();
    const Email = defineQueue(newQueue(), {
      welcome: schema(async (value) => {
        await gate.promise;
        return { value };
      }),
    });
    const ran: unknown[] = [];
    const running = await start({ providers: [withContract(Email, (job) => void ran.push(job.id))] });
    const queue = running.jobs.queue(Email.name);
    const late = await running.jobs.add(Email.name, 'welcome', 1, { timeout: 1, attempts: 1 });
    expect(await ended(queue, late)).toMatchObject({ failedReason: expect.stringContaining('longer than 1 ms') });
    const next = await running.jobs.add(Email.name, 'welcome', 2);
    gate.resolve();
    await inState(queue, next, 'completed');
    expect(ran).toEqual([next.id]);
  });

  it('at shutdown a job whose schema is not done is handed back, uncharged', async () => {
    const gate = deferred();
    const validating = deferred();
    const Email = defineQueue(newQueue(), {
      welcome: schema(async (value) => {
        validating.resolve();
        await gate.promise;
        return { value };
      }),
    });
    const first = await start({ providers: [withContract(Email, () => 'first', { shutdownTimeout: 0 })] });
    const added = await first.jobs.add(Email.name, 'welcome', 1);
    await validating.promise;
    await first.app.close();
    gate.resolve();
    const { jobs } = await start({ providers: [withContract(Email, ({ attemptsStarted }) => attemptsStarted)] });
    expect(await ended(jobs.queue(Email.name), added)).toMatchObject({ returnvalue: 1, attemptsMade: 0 });
  });
});

/** A processor of a contract that takes every name. */
function withContract(
  of: QueueContract,
  handle: (job: ActiveJob) => unknown,
  worker?: Parameters<typeof processor>[2],
): Type {
  @Processor(of, worker)
  class TestProcessor {
    @Process()
    handle(job: ActiveJob): unknown {
      return handle(job);
    }
  }
  return TestProcessor;
}

describe('a schema that fails itself', () => {
  const broken = new Error('the schema is broken');
  const failing: [string, StandardSchema['~standard']['validate']][] = [
    [
      'throws',
      () => {
        throw broken;
      },
    ],
    ['rejects', async () => Promise.reject(broken)],
  ];

  it.each(failing)('and %s refuses what is added, with the cause', async (_, validate) => {
    const { jobs } = await start();
    const queue = jobs.queue(defineQueue(newQueue(), { job: schema(validate) }));
    const error = await refusalOf(queue, queue.add('job', 1));
    expect(error).toMatchObject({ path: 'data', issues: [], cause: broken });
    expect(error.message).toContain('could not be validated: the schema is broken');
    expect(await refusalOf(queue, queue.addBulk([{ name: 'job', data: 1 }]))).toMatchObject({ path: 'jobs[0].data' });
  });

  it.each(failing)(
    'and %s before a handler fails the attempt, as a handler that throws: it says nothing about the data',
    async (_, validate) => {
      const Jobs = defineQueue(newQueue(), { job: schema(validate) });
      const running = await start({ providers: [withContract(Jobs, () => 1)] });
      const queue = running.jobs.queue(Jobs.name);
      const dead = await ended(queue, await addBehind(running, Jobs.name, 'job', 1));
      expect([dead.attemptsMade, dead.failedReason]).toEqual([3, 'the schema is broken']);
    },
  );

  it.each([
    ['no answer at all', undefined],
    ['no issue', { issues: [] }],
  ])('and gives %s accepts nothing', async (_, answer) => {
    const { jobs } = await start();
    const queue = jobs.queue(defineQueue(newQueue(), { job: schema(() => answer as never) }));
    expect(await refusalOf(queue, queue.add('job', 1))).toMatchObject({ path: 'data' });
  });
});
