import { type } from 'arktype';
import * as v from 'valibot';
import { describe, expectTypeOf, it } from 'vitest';
import { z } from 'zod';
import {
  type ActiveJob,
  defineQueue,
  getQueueToken,
  InjectQueue,
  type Job,
  type JobInput,
  type JobOf,
  type JobOutput,
  PgQueueModule,
  Process,
  Processor,
  Queue,
  type QueueContract,
  type QueueService,
  type StandardSchema,
  TypedQueue,
} from '../../lib/index.js';

// What is said here is checked by `npm run typecheck`: an `@ts-expect-error` without an error is one. Nothing of it runs.

const Email = defineQueue('email', {
  welcome: z.object({ to: z.string(), copies: z.number().default(1) }),
  receipt: z.object({ order: z.string().transform(Number), on: z.coerce.date() }),
  nothing: z.null(),
});
type Email = typeof Email;

declare const service: QueueService;
declare const queue: TypedQueue<Email>;

describe('the types of a contract', () => {
  it('are those of its schemas: what goes in, and what comes out', () => {
    const Valibot = defineQueue('q', {
      job: v.object({ n: v.pipe(v.string(), v.transform(Number)), d: v.optional(v.number(), 1) }),
    });
    const Arktype = defineQueue('q', { job: type({ n: 'string.numeric.parse', d: 'number = 1' }) });
    const Zod = defineQueue('q', { job: z.object({ n: z.string().transform(Number), d: z.number().default(1) }) });
    expectTypeOf<JobInput<typeof Zod, 'job'>>().toEqualTypeOf<{ n: string; d?: number | undefined }>();
    expectTypeOf<JobInput<typeof Valibot, 'job'>>().toEqualTypeOf<{ n: string; d?: number | undefined }>();
    expectTypeOf<JobInput<typeof Arktype, 'job'>>().toEqualTypeOf<{ n: string; d?: number }>();
    expectTypeOf<JobOutput<typeof Zod, 'job'>>().toEqualTypeOf<{ n: number; d: number }>();
    expectTypeOf<JobOutput<typeof Valibot, 'job'>>().toEqualTypeOf<{ n: number; d: number }>();
    expectTypeOf<JobOutput<typeof Arktype, 'job'>>().toEqualTypeOf<{ n: number; d: number }>();
    expectTypeOf<Email['name']>().toEqualTypeOf<'email'>();
    expectTypeOf(Email).toExtend<QueueContract>();
  });

  it('take any Standard Schema, and nothing else', () => {
    expectTypeOf(() => {
      defineQueue('q', { job: {} as StandardSchema<string, number> });
      // @ts-expect-error -- no schema
      defineQueue('q', { job: { to: 'string' } });
      // @ts-expect-error -- no name
      defineQueue({ job: z.string() });
      // @ts-expect-error -- frozen
      Email.name = 'other';
      // @ts-expect-error -- frozen
      Email.jobs.welcome = Email.jobs.nothing;
    }).toBeFunction();
  });
});

describe('the types of a TypedQueue', () => {
  it('are what queue(contract) returns; queue(name) is what it was', () => {
    expectTypeOf(() => {
      expectTypeOf(service.queue(Email)).toEqualTypeOf<TypedQueue<Email>>();
      expectTypeOf(service.queue('email')).toEqualTypeOf<Queue>();
      expectTypeOf(service.queue<number>('email')).toEqualTypeOf<Queue<number>>();
      expectTypeOf(queue).toExtend<Queue>();
    }).toBeFunction();
  });

  it('add() takes the contract’s names, each with its data as it goes in', () => {
    expectTypeOf(async () => {
      const job = await queue.add('welcome', { to: 'ada' }, { delay: '1s' });
      expectTypeOf(job.name).toEqualTypeOf<'welcome'>();
      expectTypeOf(job.data).toEqualTypeOf<{ to: string; copies?: number | undefined }>();
      await queue.add('receipt', { order: '5', on: new Date() });
      await queue.add('nothing', null);
      // @ts-expect-error -- no such name
      await queue.add('welcom', { to: 'ada' });
      // @ts-expect-error -- a field is missing
      await queue.add('welcome', {});
      // @ts-expect-error -- of another type
      await queue.add('welcome', { to: 5 });
      // @ts-expect-error -- a field too many
      await queue.add('welcome', { to: 'ada', cc: 'bob' });
      // @ts-expect-error -- another job's data
      await queue.add('welcome', { order: '5', on: '2030' });
      // @ts-expect-error -- as it comes out
      await queue.add('receipt', { order: 5, on: '2030' });
      // @ts-expect-error -- no data
      await queue.add('nothing');
      // @ts-expect-error -- no such option
      await queue.add('nothing', null, { dealy: 5 });
    }).toBeFunction();
  });

  it('addBulk() takes them together, and returns each as what it is', () => {
    expectTypeOf(async () => {
      const [one, two, ...none] = await queue.addBulk([
        { name: 'welcome', data: { to: 'ada' } },
        { name: 'receipt', data: { order: '5', on: 1 }, opts: { priority: 1 } },
      ]);
      expectTypeOf(one.data.to).toEqualTypeOf<string>();
      expectTypeOf(two.name).toEqualTypeOf<'receipt'>();
      expectTypeOf(none).toEqualTypeOf<[]>();
      const many = await queue.addBulk(['1', '2'].map((order) => ({ name: 'receipt', data: { order, on: 1 } })));
      expectTypeOf(many).toEqualTypeOf<Awaited<ReturnType<typeof queue.add<'receipt'>>>[]>();
      // @ts-expect-error -- another job's data
      await queue.addBulk([{ name: 'welcome', data: { order: '5', on: 1 } }]);
      const stranger = { name: 'welcom', data: { to: 'ada' } } as const;
      // @ts-expect-error -- no such name
      await queue.addBulk([{ name: 'welcome', data: { to: 'ada' } }, stranger]);
    }).toBeFunction();
  });

  it('jobs that are found are told apart by their name, with their data as it went in', () => {
    expectTypeOf(async () => {
      for (const job of [await queue.getJob('1'), ...(await queue.getJobs('failed'))]) {
        if (job?.name === 'receipt') expectTypeOf(job.data.order).toEqualTypeOf<string>();
        // @ts-expect-error -- no such name
        if (job?.name === 'welcom') return;
        // @ts-expect-error -- which of them?
        job?.data.to.at(0);
        if (job?.name === 'welcome') await job.updateData({ to: 'ada' });
        // @ts-expect-error -- of another type
        if (job?.name === 'welcome') await job.updateData({ to: 5 });
      }
    }).toBeFunction();
  });

  it('are injected by the contract', () => {
    expectTypeOf(() => {
      class Mailer {
        constructor(@InjectQueue(Email) readonly emails: TypedQueue<Email>) {}
      }
      expectTypeOf(getQueueToken(Email)).toEqualTypeOf<string>();
      // @ts-expect-error -- neither a name nor a contract
      InjectQueue(5);
      // @ts-expect-error -- no contract
      InjectQueue({ name: 'email' });
      PgQueueModule.registerQueue(Email, { name: Email, defaultJobOptions: { attempts: 3 } }, { name: 'sms' });
      PgQueueModule.registerQueueAsync({ name: Email, useFactory: () => ({}) });
      // @ts-expect-error -- no such option
      PgQueueModule.registerQueue({ name: Email, defaultJobOption: {} });
      return Mailer;
    }).toBeFunction();
  });
});

describe('the types of a handler', () => {
  it('are the schema’s output, and what goes in for updateData()', () => {
    expectTypeOf(async () => {
      const job = {} as JobOf<Email, 'receipt'>;
      expectTypeOf(job).toExtend<ActiveJob>();
      expectTypeOf(job.name).toEqualTypeOf<'receipt'>();
      expectTypeOf(job.data).toEqualTypeOf<{ order: number; on: Date }>();
      await job.updateData({ order: '5', on: '2030' });
      // @ts-expect-error -- as it comes out
      await job.updateData({ order: 5, on: new Date() });
      const any = {} as JobOf<Email>;
      if (any.name === 'welcome') expectTypeOf(any.data).toEqualTypeOf<{ to: string; copies: number }>();
    }).toBeFunction();
  });

  it('are checked by @Process(contract, name)', () => {
    expectTypeOf(() => {
      @Processor(Email)
      class Right {
        @Process(Email, 'welcome')
        async exact({ data }: JobOf<Email, 'welcome'>): Promise<string> {
          return data.to;
        }

        @Process(Email, 'receipt', { timeout: '5s' })
        byHand(job: ActiveJob<{ order: number; on: Date }, void, string, { order: string; on: unknown }>): void {
          job.data.on.getTime();
        }

        @Process(Email, 'welcome')
        @Process(Email, 'nothing')
        several(job: JobOf<Email, 'welcome' | 'nothing'>): unknown {
          return job.data;
        }

        @Process(Email, 'nothing')
        plain(_job: Job): void {}

        @Process(Email, 'nothing')
        none(): void {}

        @Process()
        rest(job: ActiveJob): unknown {
          return job.data;
        }
      }

      class Wrong {
        // @ts-expect-error -- another job
        @Process(Email, 'welcome')
        other(_job: JobOf<Email, 'receipt'>): void {}

        // @ts-expect-error -- as it goes in
        @Process(Email, 'receipt')
        input(_job: ActiveJob<{ order: string; on: unknown }>): void {}

        // @ts-expect-error -- no such field
        @Process(Email, 'welcome')
        field(_job: ActiveJob<{ cc: string }>): void {}

        // @ts-expect-error -- the data is the job's
        @Process(Email, 'welcome')
        data(_data: JobOutput<Email, 'welcome'>): void {}

        // @ts-expect-error -- no such name
        @Process(Email, 'welcom')
        name(): void {}

        // @ts-expect-error -- no name
        @Process(Email)
        all(): void {}

        // @ts-expect-error -- the name is said already
        @Process(Email, 'welcome', { name: 'welcome' })
        twice(): void {}
      }
      return [Right, Wrong];
    }).toBeFunction();
  });
});
