import { Controller, Inject, Injectable, Scope, type Provider, type Type } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { StreamConsumerExplorer } from '../../lib/discovery/stream-consumer.explorer.js';
import {
  DuplicateHandlerError,
  InvalidOptionsError,
  InvalidStreamConsumerError,
  OnStreamBatch,
  OnStreamEvent,
  Process,
  Processor,
  StreamConsumer,
  type StreamConsumerOptions,
} from '../../lib/index.js';
import { exploring } from '../support/exploring.js';

/** What exploring these is refused with. */
async function refusalOf(providers: Provider[], controllers: Type[] = []): Promise<Error & { path?: string }> {
  const module = await exploring({ providers, controllers });
  try {
    module.get(StreamConsumerExplorer).explore();
  } catch (error) {
    return error as Error;
  }
  return expect.fail('it was not refused');
}

/** A class that consumes a stream, and takes each of these: a type, `'*'`, or `'batch'` for whole batches. */
function consumer(name: string, options: object, takes = ['*'], stream: unknown = 'orders'): Type {
  const Consumer = { [name]: class {} }[name]!;
  for (const [i, what] of takes.entries()) {
    const descriptor = { value: () => i, configurable: true, enumerable: false, writable: true };
    Object.defineProperty(Consumer.prototype, `method${i}`, descriptor);
    const decorate = what === 'batch' ? OnStreamBatch() : OnStreamEvent(what);
    decorate(Consumer.prototype, `method${i}`, descriptor);
  }
  StreamConsumer(stream as string, options as StreamConsumerOptions)(Consumer);
  return Consumer;
}

const BILLING = { group: 'billing' };

describe('refused at startup: a class', () => {
  it.each([['a provider'], ['a controller']])('with @OnStreamEvent() that is no consumer: %s', async (kind) => {
    class Stray {
      @OnStreamEvent('x')
      handle(): void {}
    }
    Controller()(Stray);
    const error = await (kind === 'a provider' ? refusalOf([Stray]) : refusalOf([], [Stray]));
    expect(error).toBeInstanceOf(InvalidStreamConsumerError);
    expect(error).toMatchObject({ code: 'PGQUEUE_INVALID_STREAM_CONSUMER' });
    expect(error.message).toBe(
      `Stray.handle: @OnStreamEvent() in a class that is no stream consumer: put @StreamConsumer('stream', { group: 'group' }) on Stray`,
    );
  });

  it('with @OnStreamBatch() that is no consumer, though it is a processor', async () => {
    @Processor('q')
    class Stray {
      @Process()
      run(): void {}
      @OnStreamBatch()
      handle(): void {}
    }
    const error = await refusalOf([Stray]);
    expect(error).toBeInstanceOf(InvalidStreamConsumerError);
    expect(error.message).toMatch(/^Stray\.handle: @OnStreamBatch\(\) in a class .*put @StreamConsumer\(/);
  });

  it('without any handler', async () => {
    const error = await refusalOf([consumer('Empty', BILLING, [])]);
    expect(error).toBeInstanceOf(InvalidStreamConsumerError);
    expect(error.message).toBe(
      'Empty is a @StreamConsumer() without any handler: put @OnStreamEvent() or @OnStreamBatch() on a method',
    );
  });

  it.each([Scope.REQUEST, Scope.TRANSIENT])('of scope %d', async (scope) => {
    class Scoped {
      @OnStreamEvent()
      any(): void {}
    }
    // the decorator that is applied last decides about the scope
    StreamConsumer('orders', BILLING)(Scoped);
    Injectable({ scope })(Scoped);
    const error = await refusalOf([Scoped]);
    expect(error).toBeInstanceOf(InvalidStreamConsumerError);
    expect(error.message).toMatch(/^Scoped is request-scoped or transient.*must be a singleton: .*ModuleRef/);
  });

  it('that is request-scoped by what it injects', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class PerRequest {}
    @StreamConsumer('orders', BILLING)
    class Scoped {
      constructor(@Inject(PerRequest) readonly perRequest: PerRequest) {}
      @OnStreamEvent()
      any(): void {}
    }
    expect((await refusalOf([PerRequest, Scoped])).message).toMatch(/^Scoped is request-scoped.*by a dependency/);
  });

  it('that reads two streams', async () => {
    const Twice = consumer('Twice', BILLING);
    StreamConsumer('invoices', BILLING)(Twice);
    const error = await refusalOf([Twice]);
    expect(error).toBeInstanceOf(InvalidStreamConsumerError);
    expect(error.message).toMatch(
      /^Twice has two @StreamConsumer\(\), for 'invoices' .* and 'orders' .*a class for each/,
    );
  });

  it('with @OnStreamEvent() beside @OnStreamBatch(), in either order', async () => {
    for (const [takes, one, other] of [
      [['batch', 'x'], 'method1', 'method0'],
      [['x', 'batch'], 'method0', 'method1'],
    ] as const) {
      const error = await refusalOf([consumer('Both', BILLING, [...takes])]);
      expect(error).toBeInstanceOf(InvalidStreamConsumerError);
      expect(error.message).toBe(
        `Both.${one}: @OnStreamEvent() beside @OnStreamBatch() on Both.${other}, which takes every event: use one of the two`,
      );
    }
  });
});

describe('refused at startup: two handlers in a class', () => {
  it.each([
    ['for one type', ['a', 'b', 'a'], `Twice.method0 and Twice.method2 both take events of type 'a': each type`],
    [
      'for all that is left',
      ['*', 'b', '*'],
      'Twice.method0 and Twice.method2 both take every type that no other method',
    ],
    [
      'for batches',
      ['batch', 'batch'],
      'Twice.method0 and Twice.method1 both take whole batches: use @OnStreamBatch() once',
    ],
  ])('%s', async (_, takes, says) => {
    const error = await refusalOf([consumer('Twice', BILLING, takes)]);
    expect(error).toBeInstanceOf(DuplicateHandlerError);
    expect(error.message).toContain(says);
  });

  it('one of which is the other: a type that is named twice, or a decorator too many', async () => {
    @StreamConsumer('orders', BILLING)
    class List {
      @OnStreamEvent(['a', 'b', 'a'])
      any(): void {}
    }
    @StreamConsumer('orders', BILLING)
    class Stack {
      @OnStreamEvent()
      @OnStreamEvent('*')
      any(): void {}
    }
    @StreamConsumer('orders', BILLING)
    class Batch {
      @OnStreamBatch()
      @OnStreamBatch()
      any(): void {}
    }
    for (const [type, says] of [
      [List, `List.any twice takes events of type 'a': each type has one handler, named once`],
      [Stack, 'Stack.any twice takes every type that no other method takes'],
      [Batch, 'Batch.any twice takes whole batches: use @OnStreamBatch() once in a class'],
    ] as const) {
      const error = await refusalOf([type]);
      expect(error).toBeInstanceOf(DuplicateHandlerError);
      expect(error.message).toContain(says);
    }
  });
});

describe('refused at startup: two classes of a group', () => {
  it('that take one type', async () => {
    const first = consumer('First', BILLING, ['x']);
    const error = await refusalOf([first, consumer('One', BILLING, ['a', 'b']), consumer('Two', BILLING, ['c', 'b'])]);
    expect(error).toBeInstanceOf(DuplicateHandlerError);
    expect(error.message).toBe(
      `One.method1 and Two.method1 both take events of type 'b' for group 'billing' of stream 'orders': in one process each event ` +
        `of a group has one handler; give one of them another type or group, or provide only one of the classes`,
    );
  });

  it('that take all that is left', async () => {
    const error = await refusalOf([consumer('One', BILLING, ['a', '*']), consumer('Two', BILLING, ['*', 'b'])]);
    expect(error).toBeInstanceOf(DuplicateHandlerError);
    expect(error.message).toMatch(
      /^One\.method1 and Two\.method0 both take every type that no other method takes for group/,
    );
  });

  it('of which the one is the other’s parent', async () => {
    const Parent = consumer('Parent', BILLING, ['a']);
    class Child extends Parent {}
    expect((await refusalOf([Parent, Child])).message).toMatch(/^Parent\.method0 and Child\.method0 both take/);
  });

  it('of which one takes whole batches, or both', async () => {
    const batches = consumer('Batches', BILLING, ['batch']);
    const events = consumer('Events', BILLING, ['a']);
    const more = consumer('More', BILLING, ['batch']);
    for (const [providers, says] of [
      [
        [batches, events],
        /^Batches\.method0 takes whole batches, and Events consumes too, both for group 'billing' of/,
      ],
      [[events, batches], /^Batches\.method0 takes whole batches, and Events consumes too/],
      [[batches, more], /^More\.method0 takes whole batches, and Batches consumes too.*give one of them another group/],
    ] as const) {
      const error = await refusalOf([...providers]);
      expect(error).toBeInstanceOf(DuplicateHandlerError);
      expect(error.message).toMatch(says);
    }
  });

  it.each<[keyof StreamConsumerOptions, unknown, string]>([
    ['engine', 'pgque', `'pgqueue' (string) and 'pgque' (string)`],
    ['startFrom', 'start', `'end' (string) and 'start' (string)`],
    ['pollInterval', '5s', '30000 (number) and 5000 (number)'],
    ['maxMessages', 5, '100 (number) and 5 (number)'],
    ['concurrency', 2, '1 (number) and 2 (number)'],
    ['attempts', 3, '6 (number) and 3 (number)'],
    ['retryDelay', 0, '60000 (number) and 0 (number)'],
    ['hold', 'key', `'nothing' (string) and 'key' (string)`],
    ['unhandled', 'ack', `'nack' (string) and 'ack' (string)`],
    ['shutdownTimeout', '1m', '10000 (number) and 60000 (number)'],
    ['maxStalledCount', 0, '2 (number) and 0 (number)'],
  ])('that differ in their %s', async (path, value, values) => {
    const third = consumer('Third', BILLING, ['c']);
    const error = await refusalOf([
      consumer('One', BILLING, ['a']),
      third,
      consumer('Two', { ...BILLING, [path]: value }, ['b']),
    ]);
    expect(error).toBeInstanceOf(InvalidOptionsError);
    expect(error).toMatchObject({ path });
    expect(error.message).toBe(
      `One and Two: @StreamConsumer(): ${path} is ${values}: all classes of group 'billing' of stream 'orders' read it alike; ` +
        `say the same in both (what is left out is its default), or give one of them another group`,
    );
  });

  it('that differ in several options, which are all named', async () => {
    const error = await refusalOf([
      consumer('One', { ...BILLING, attempts: 2, hold: 'key' }, ['a']),
      consumer('Two', { ...BILLING, attempts: 3 }, ['b']),
    ]);
    expect(error).toMatchObject({ path: 'attempts' });
    expect(error.message).toContain(
      `attempts is 2 (number) and 3 (number); hold is 'key' (string) and 'nothing' (string): all classes`,
    );
  });

  it('but not of two groups, or of two streams, whatever their names', async () => {
    const providers = [
      consumer('One', { group: 'b' }, ['*'], 'a'),
      consumer('Two', { group: 'c', attempts: 1 }, ['*'], 'a'),
      consumer('Three', { group: 'b', attempts: 2 }, ['batch'], 'b'),
      consumer('Four', { group: '/b' }, ['*'], 'a'),
      consumer('Five', { group: 'b', attempts: 3 }, ['*'], 'a/'),
      consumer('Six', { group: `"b` }, ['*'], 'a'),
    ];
    await expect(refusalOf(providers)).rejects.toThrow('it was not refused');
  });
});

describe('refused at startup: @StreamConsumer() with', () => {
  it.each<[string, unknown, unknown, RegExp]>([
    ['stream', '', BILLING, /must not be empty/],
    ['stream', null, BILLING, /must be a string: null/],
    ['stream', 5, BILLING, /must be a string: 5 \(number\)/],
    ['stream', { name: 'orders' }, BILLING, /must be a string: an object/],
    ['stream', 's'.repeat(201), BILLING, /must be at most 200 characters long/],
    ['stream', 'a\0', BILLING, /NUL/],
    ['stream', 'a\nb', BILLING, /must not contain control characters \(U\+0000 to U\+001F\): 'a\\nb' \(string\)/],
    ['stream', 'ü'.repeat(29), { ...BILLING, engine: 'pgque' }, /must be at most 57 bytes long on PgQue, not 58: 'ü/],
    ['options', 'orders', undefined, /must be an object, not undefined/],
    ['options', 'orders', 'billing', /must be an object, not 'billing' \(string\)/],
    ['group', 'orders', {}, /is missing: name the group .*as \{ group: 'billing' \}/],
    ['group', 'orders', { group: undefined }, /is missing/],
    ['group', 'orders', { group: '' }, /must not be empty/],
    ['group', 'orders', { group: null }, /must be a string: null/],
    ['group', 'orders', { group: 'g'.repeat(201) }, /must be at most 200 characters long/],
    ['group', 'orders', { group: '\u001f' }, /control characters/],
    ['grup', 'orders', { grup: 'billing' }, /= 'billing' \(string\) is no option; did you mean 'group'\?/],
    ['stream', 'orders', { ...BILLING, stream: 'x' }, /= 'x' \(string\) is no option/],
    ['engine', 'orders', { ...BILLING, engine: 'pgq' }, /must be 'pgqueue' or 'pgque', not 'pgq'/],
    ['startFrom', 'orders', { ...BILLING, startFrom: 0 }, /must be 'start' or 'end', not 0/],
    ['pollInterval', 'orders', { ...BILLING, pollInterval: 0 }, /more than 0/],
    ['pollInterval', 'orders', { ...BILLING, pollInterval: '30' }, /'30'/],
    ['maxMessages', 'orders', { ...BILLING, maxMessages: 0 }, /integer from 1 to 10000, not 0/],
    ['maxMessages', 'orders', { ...BILLING, maxMessages: 10_001 }, /not 10001/],
    ['concurrency', 'orders', { ...BILLING, concurrency: 1.5 }, /integer from 1 to 10000, not 1\.5/],
    ['attempts', 'orders', { ...BILLING, attempts: 0 }, /integer from 1 to 32767, not 0/],
    ['attempts', 'orders', { ...BILLING, attempts: '6' }, /not '6' \(string\)/],
    ['retryDelay', 'orders', { ...BILLING, retryDelay: -1 }, /not -1/],
    ['retryDelay', 'orders', { ...BILLING, retryDelay: '1 minute' }, /not '1 minute'/],
    ['hold', 'orders', { ...BILLING, hold: true }, /must be 'nothing' or 'key' or 'stream', not true/],
    ['unhandled', 'orders', { ...BILLING, unhandled: 'drop' }, /must be 'nack' or 'ack', not 'drop'/],
    ['shutdownTimeout', 'orders', { ...BILLING, shutdownTimeout: -1 }, /not -1/],
    ['maxStalledCount', 'orders', { ...BILLING, maxStalledCount: -1 }, /integer from 0 to 1000, not -1/],
    [
      'database',
      'orders',
      { ...BILLING, database: 'second' },
      /= 'second' is no name of a forRoot\(\); there are: one without a name/,
    ],
    [
      'hold',
      'orders',
      { ...BILLING, engine: 'pgque', hold: 'key' },
      /must be 'nothing' with engine: 'pgque', not 'key'.*PgQue goes on/,
    ],
    [
      'hold',
      'orders',
      { ...BILLING, engine: 'pgque', hold: 'stream' },
      /not 'stream'.*leave it out, or use the module's own/,
    ],
    [
      'concurrency',
      'orders',
      { ...BILLING, hold: 'stream', concurrency: 2 },
      /must be 1 with hold: 'stream', not 2.*leave it out/,
    ],
  ])('a wrong %s: %j, %j', async (path, stream, options, says) => {
    const error = await refusalOf([consumer('Wrong', options as object, ['*'], stream)]);
    expect(error).toBeInstanceOf(InvalidOptionsError);
    expect(error).toMatchObject({ path, code: 'PGQUEUE_INVALID_OPTIONS' });
    expect(error.message).toMatch(says);
    expect(error.message.startsWith(`Wrong: @StreamConsumer(): ${path} `)).toBe(true);
  });
});

describe('refused at startup: @OnStreamEvent() with', () => {
  it.each<[string, unknown, RegExp]>([
    ['type', '', /must not be empty: ''/],
    ['type', null, /must be a string: null/],
    ['type', 5, /must be a string: 5/],
    ['type', { type: 'x' }, /must be a string: an object/],
    ['type', 't'.repeat(201), /at most 200 characters/],
    ['type', 'a\tb', /control characters \(U\+0000 to U\+001F\): 'a\\tb'/],
    ['type', [], /is an empty list: name a type, or leave it out/],
    ['type[1]', ['a', ''], /must not be empty/],
    ['type[0]', [undefined, 'a'], /must be a string: undefined/],
    // oxlint-disable-next-line no-sparse-arrays -- as it may come from JavaScript
    ['type[1]', ['a', , 'b'], /must be a string: undefined/],
    ['type[0]', [['a']], /must be a string: an array of 1/],
    ['type[2]', ['a', 'b', 'c\u001e'], /control characters/],
  ])('a wrong %s: %j', async (path, type, says) => {
    @StreamConsumer('orders', BILLING)
    class Wrong {
      @OnStreamEvent(type as string)
      handle(): void {}
    }
    const error = await refusalOf([Wrong]);
    expect(error).toBeInstanceOf(InvalidOptionsError);
    expect(error).toMatchObject({ path });
    expect(error.message).toMatch(says);
    expect(error.message.startsWith(`Wrong.handle: @OnStreamEvent(): ${path} `)).toBe(true);
  });
});
