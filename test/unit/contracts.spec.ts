import { Module, type Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { type } from 'arktype';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ProcessorExplorer } from '../../lib/discovery/processor.explorer.js';
import {
  defineQueue,
  getQueueToken,
  InvalidOptionsError,
  InvalidProcessorError,
  PgQueueModule,
  Process,
  Processor,
  WorkerHost,
  type QueueContract,
} from '../../lib/index.js';
import type { ProcessorDefinition } from '../../lib/runtime/processor-definition.js';
import { exploring } from '../support/exploring.js';
import { describeIssues, pathOfIssues, validate } from '../../lib/utils/validate.js';

const welcome = z.object({ to: z.string() });
const Email = defineQueue('email', { welcome, receipt: welcome });
const Sms = defineQueue('sms', { welcome });

/** What something is refused with. */
function refusalOf(defining: () => unknown): Error {
  try {
    defining();
  } catch (error) {
    return error as Error;
  }
  return expect.fail('it was accepted');
}

describe('defineQueue()', () => {
  it('returns the name and the schemas, frozen', () => {
    const jobs = { welcome, 'a b': v.string(), ['__proto__']: type('string') };
    const contract = defineQueue('email', jobs);
    expect(contract.name).toBe('email');
    expect(Object.entries(contract.jobs)).toEqual(Object.entries(jobs));
    expect([Object.isFrozen(contract), Object.isFrozen(contract.jobs)]).toEqual([true, true]);
    Object.assign(jobs, { later: welcome });
    expect(contract.jobs).not.toHaveProperty('later');
  });

  it.each<[string, unknown, unknown, string, RegExp]>([
    ['no name', undefined, { welcome }, 'name', /undefined/],
    ['an empty name', '', { welcome }, 'name', /empty/],
    ['a name no queue can have', 'a\nb', { welcome }, 'name', /control characters/],
    ['no schemas', 'email', undefined, 'jobs', /must have a job|an object of schemas/],
    ['nothing in them', 'email', {}, 'jobs', /must have a job/],
    ['an array of them', 'email', [welcome], 'jobs', /an array of 1/],
    ['a schema in their place', 'email', welcome, 'jobs', /an object of schemas by job name/],
    ['one in their place that is a function', 'email', type('string'), 'jobs', /an object of schemas by job name/],
    ['what is no schema', 'email', { welcome: { to: 'string' } }, 'jobs.welcome', /Standard Schema.*an object/],
    ['a class', 'email', { welcome: Date }, 'jobs.welcome', /Standard Schema.*function Date/],
    ['null', 'email', { 'a b': null }, 'jobs["a b"]', /Standard Schema.*null/],
    ['one of another version', 'email', { w: { '~standard': { version: 2, validate() {} } } }, 'jobs.w', /Standard/],
    ['an empty job name', 'email', { '': welcome }, 'jobs[""]', /empty/],
    ['a job name that is too long', 'email', { ['n'.repeat(201)]: welcome }, `jobs.${'n'.repeat(201)}`, /200/],
    ['the name of every job', 'email', { '*': welcome }, 'jobs["*"]', /'\*'/],
  ])('refuses %s', (_, name, jobs, path, says) => {
    const error = refusalOf(() => defineQueue(name as string, jobs as never));
    expect(error).toBeInstanceOf(InvalidOptionsError);
    expect(error).toMatchObject({ path, message: expect.stringMatching(/^defineQueue\(\): /) });
    expect(error.message).toMatch(says);
  });
});

it('getQueueToken() of a contract is not that of its name: nobody gets an unvalidated queue for a typed one', () => {
  expect(getQueueToken(Email)).not.toBe(getQueueToken('email'));
  expect(getQueueToken(Email)).not.toBe(getQueueToken(Sms));
  expect(getQueueToken(Email)).toBe(getQueueToken(defineQueue('email', { welcome })));
});

async function explore(...providers: Type[]): Promise<ProcessorDefinition[]> {
  const module = await exploring({ providers });
  return module.get(ProcessorExplorer).explore();
}

async function refused(provider: Type): Promise<Error> {
  return explore(provider).then(
    () => expect.fail('it was accepted'),
    (error: unknown) => error as Error,
  );
}

/** A class with one method, decorated. */
function processing(
  processor: ClassDecorator,
  ...process: [contract: unknown, name?: unknown, options?: unknown]
): Type {
  class Mailer {
    send(): void {}
  }
  const descriptor = Object.getOwnPropertyDescriptor(Mailer.prototype, 'send')!;
  (Process as unknown as (...args: unknown[]) => MethodDecorator)(...process)(Mailer.prototype, 'send', descriptor);
  processor(Mailer);
  return Mailer;
}

describe('a processor of a contract', () => {
  it('takes the jobs of its queue, each handler with its contract', async () => {
    @Processor(Email, { concurrency: 3 })
    class Mailer {
      @Process(Email, 'welcome', { timeout: '5s' })
      @Process('receipt')
      send(): void {}

      @Process()
      rest(): void {}
    }
    const [definition] = await explore(Mailer);
    expect(definition).toMatchObject({ queue: 'email', options: { concurrency: 3 } });
    expect(definition!.handlers.get('welcome')).toMatchObject({ timeout: 5000, contract: Email });
    expect(definition!.handlers.get('receipt')).toMatchObject({ contract: Email });
    expect(definition!.handlers.get('receipt')).not.toHaveProperty('timeout');
    expect(definition!.catchAll).toMatchObject({ contract: Email });
  });

  it('has none where neither the class nor the method names one', async () => {
    @Processor('email')
    class Mailer {
      @Process(Email, 'welcome')
      one(): void {}

      @Process('receipt')
      two(): void {}
    }
    const [{ handlers }] = (await explore(Mailer)) as [ProcessorDefinition];
    expect(handlers.get('welcome')).toMatchObject({ contract: Email });
    expect(handlers.get('receipt')).not.toHaveProperty('contract');
  });

  it.each<[string, Type, RegExp]>([
    [
      'a method with another queue’s contract',
      processing(Processor('email'), Sms, 'welcome'),
      /^Mailer\.send: .*queue 'sms'.*@Processor\(\) of queue 'email': move it/,
    ],
    [
      'one in a class with a contract of its own',
      processing(Processor(Email), Sms, 'welcome'),
      /^Mailer\.send: .*queue 'sms'.*queue 'email'/,
    ],
    [
      'a job name that the contract does not have',
      processing(Processor('email'), Email, 'welcom'),
      /^Mailer\.send: .*'welcom'.*contract of queue 'email'; did you mean 'welcome'\?/,
    ],
    ['one that every object has', processing(Processor('email'), Email, 'toString'), /^Mailer\.send: .*'toString'/],
    ['no job name', processing(Processor('email'), Email), /^Mailer\.send: .*undefined is no job/],
    ['every job name', processing(Processor(Email), Email, '*'), /^Mailer\.send: .*'\*'/],
    [
      'a plain name that the class’s contract does not have',
      processing(Processor(Email), 'invoice'),
      /^Mailer\.send: .*'invoice'.*known: welcome, receipt/,
    ],
  ])('is refused with %s', async (_, provider, says) => {
    const error = await refused(provider);
    expect(error).toBeInstanceOf(InvalidProcessorError);
    expect(error.message).toMatch(says);
  });

  it.each<[string, Type, string, RegExp]>([
    [
      'a contract that is not there yet',
      processing(Processor('email'), undefined, 'welcome'),
      'contract',
      /^Mailer\.send: @Process\(\): contract must be what defineQueue\(\) returns, not undefined; is it imported in a circle/,
    ],
    [
      'a contract by hand that is none',
      processing(Processor({ name: 'email', jobs: { welcome: 5 } } as never), 'welcome'),
      'jobs.welcome',
      /^Mailer: @Processor\(\): jobs\.welcome must be a Standard Schema/,
    ],
    [
      'an unknown option beside it',
      processing(Processor(Email), Email, 'welcome', { name: 'x' }),
      'name',
      /^Mailer\.send: @Process\(\): name/,
    ],
  ])('is refused with %s', async (_, provider, path, says) => {
    const error = await refused(provider);
    expect(error).toBeInstanceOf(InvalidOptionsError);
    expect(error).toMatchObject({ path, message: expect.stringMatching(says) });
  });

  it('is refused as a WorkerHost with a @Process() of a contract beside', async () => {
    @Processor(Email)
    class Host extends WorkerHost {
      @Process(Email, 'welcome')
      one(): void {}
      async process(): Promise<void> {}
    }
    expect((await refused(Host)).message).toMatch(/Host\.one: @Process\(\) in a class that extends WorkerHost/);
  });
});

describe('registerQueue() refuses', () => {
  const register = async (...queues: (QueueContract | object)[]): Promise<unknown> => {
    @Module({
      imports: [
        ...queues.map((queue) => PgQueueModule.registerQueue(queue as QueueContract)),
        PgQueueModule.forRoot({ connection: 'postgres://nowhere/x', logger: false }),
      ],
    })
    class App {}
    return Test.createTestingModule({ imports: [App] }).compile();
  };

  it('two contracts of one queue', async () => {
    const other = defineQueue('email', { welcome: z.object({}), receipt: welcome });
    await expect(register(Email, { name: other })).rejects.toMatchObject({
      code: 'PGQUEUE_INVALID_OPTIONS',
      message: expect.stringMatching(/registerQueue\('email'\): .*twice with different contracts/),
    });
    await expect(register(Email, defineQueue('email', { welcome }))).rejects.toThrow(/different contracts/);
  });

  it('a contract by hand that is none', async () => {
    await expect(register({ name: 'email', jobs: { welcome: 5 } })).rejects.toMatchObject({ path: 'jobs.welcome' });
    await expect(register({ name: '', jobs: { welcome } })).rejects.toMatchObject({ path: 'name' });
  });
});

describe('issues', () => {
  it('are the same of every library: a message and a path of keys, and nothing else', () => {
    const data = { users: [{ 'e mail': 5 }] };
    const all = [
      z.object({ users: z.array(z.object({ 'e mail': z.string() })) }),
      v.object({ users: v.array(v.object({ 'e mail': v.string() })) }),
      type({ users: type({ 'e mail': 'string' }).array() }),
    ].map((schema) => validate(schema, data));
    for (const validated of all) {
      expect(validated).toStrictEqual({ issues: [{ message: expect.any(String), path: ['users', 0, 'e mail'] }] });
      expect(pathOfIssues((validated as { issues: [] }).issues, 'data')).toBe('data.users[0]["e mail"]');
    }
  });

  it('may be an array of any class', () => {
    class Issues extends Array<{ message: string }> {
      constructor(readonly context: object) {
        super();
        Object.keys(context);
        this.push({ message: 'wrong' });
      }
    }
    const standard = { version: 1, vendor: 'test', validate: () => ({ issues: new Issues({}) }) } as const;
    expect(validate({ '~standard': standard }, 1)).toStrictEqual({ issues: [{ message: 'wrong', path: [] }] });
  });

  it('are said up to five, and how many more there are', () => {
    const issues = Array.from({ length: 7 }, (_, i) => ({ message: `wrong ${i}`, path: ['list', { key: i }] }));
    expect(describeIssues(issues.slice(0, 2), 'data')).toBe('data.list[0]: wrong 0; data.list[1]: wrong 1');
    expect(describeIssues(issues, 'data')).toMatch(/data\.list\[4\]: wrong 4; and 2 more$/);
    expect(describeIssues([{ message: 'wrong', path: [Symbol('x')] }], 'data')).toBe('data["Symbol(x)"]: wrong');
    expect(pathOfIssues([], 'data')).toBe('data');
  });
});
