import { describe, expect, it } from 'vitest';
import { testDatabase } from '../support/database.js';
import { ended, newQueue, processor, testApplications } from '../support/running.js';

const database = testDatabase();
const start = testApplications(database);

describe('a handler that throws what is no Error', () => {
  const circular: Record<string, unknown> = {};
  circular['self'] = circular;
  const hostile = new Proxy({}, { get: () => raise('trap') });
  it.each<[string, unknown, RegExp]>([
    ['a string', 'just text', /^just text$/],
    ['undefined', undefined, /undefined/],
    ['null', null, /null/],
    ['a number', 42, /42/],
    ['an object', { code: 7 }, /code: 7/],
    ['a circular object', circular, /Circular/],
    ['a symbol', Symbol('s'), /Symbol\(s\)/],
    ['a proxy whose traps throw', hostile, /./],
    ['a function', () => 1, /Function/],
    ['an object without a prototype', Object.create(null), /./],
    ['a proxy that does not say what it is', new Proxy({}, { getPrototypeOf: () => raise('trap') }), /./],
  ])('%s: the attempt fails and says so', async (_, thrown, reason) => {
    const name = newQueue();
    const handler = processor(name, () => {
      throw thrown;
    });
    const queue = (await start({ providers: [handler] })).queue(name);
    const job = await ended(queue, await queue.add('job', null, { attempts: 1 }));
    expect(await job.getState()).toBe('failed');
    expect(job.failedReason).toMatch(reason);
  });
});

describe('an error that is hard to store', () => {
  it.each<[string, () => Error, (reason: string, stack: string) => void]>([
    [
      'with a NUL and a lone surrogate',
      () => new Error('a\0b\uD800c'),
      (reason) => expect(reason).toBe('a\uFFFDb\uFFFDc'),
    ],
    [
      'with a message of 3 MB',
      () => new Error('x'.repeat(3_000_000)),
      (reason, stack) => {
        expect(reason.startsWith('xxx')).toBe(true);
        expect(reason.length).toBeLessThan(10_000);
        expect(stack.length).toBeLessThan(50_000);
      },
    ],
    [
      'with a huge stack',
      () => Object.assign(new Error('m'), { stack: 's\0'.repeat(2_000_000) }),
      (reason, stack) => {
        expect(reason).toBe('m');
        expect(stack.length).toBeLessThan(50_000);
      },
    ],
    [
      'whose message and stack are no strings',
      () => Object.assign(new Error('x'), { message: { a: 1 }, stack: 5 }),
      (reason) => expect(typeof reason).toBe('string'),
    ],
    [
      'whose getters throw',
      () =>
        Object.defineProperties(new Error('x'), {
          stack: { get: () => raise('getter') },
          message: { get: () => raise('getter') },
        }),
      (reason) => expect(typeof reason).toBe('string'),
    ],
    [
      'that is its own cause',
      () => {
        const error = new Error('loop');
        error.cause = error;
        return error;
      },
      (reason) => expect(reason).toBe('loop'),
    ],
  ])('%s is cut and stored, and its neighbours are unharmed', async (_, make, check) => {
    const name = newQueue();
    const handler = processor(name, (job) => {
      if (job.name === 'bad') throw make();
      return job.name;
    });
    const queue = (await start({ providers: [handler] })).queue(name);
    const added = await queue.addBulk(
      ['good', 'bad', 'good'].map((which) => ({ name: which, data: null, opts: { attempts: 1 } })),
    );
    const [one, bad, two] = await Promise.all(added.map((job) => ended(queue, job)));
    expect([one!.returnvalue, two!.returnvalue]).toEqual(['good', 'good']);
    expect(await bad!.getState()).toBe('failed');
    check(bad!.failedReason!, bad!.stacktrace[0]!);
  });
});

function raise(message: string): never {
  throw new Error(message);
}
