import { Controller, Inject, Injectable, Module, type Provider, type Type } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { ProcessorExplorer } from '../../lib/discovery/processor.explorer.js';
import { resolveStreamConsumerOptions } from '../../lib/discovery/stream-consumer-options.js';
import { StreamConsumerExplorer } from '../../lib/discovery/stream-consumer.explorer.js';
import {
  OnStreamBatch,
  OnStreamEvent,
  Process,
  Processor,
  StreamConsumer,
  type StreamContext,
  type StreamEvent,
} from '../../lib/index.js';
import type { StreamConsumerDefinition } from '../../lib/runtime/streams/stream-consumer-definition.js';
import { exploring } from '../support/exploring.js';

const EVENT = { id: '1', type: 'order.created' } as StreamEvent;
const CONTEXT = { group: 'billing' } as StreamContext;

interface Setup {
  controllers?: Type[];
  imports?: Type[];
}

async function explore(providers: Provider[], setup: Setup = {}): Promise<StreamConsumerDefinition[]> {
  const { controllers = [], imports = [] } = setup;
  const module = await exploring({ providers, controllers, imports });
  return module.get(StreamConsumerExplorer).explore();
}

@StreamConsumer('orders', { group: 'billing', attempts: 3 })
class Billing {
  @OnStreamEvent('order.created')
  created(event: StreamEvent, context: StreamContext): unknown {
    return [this.constructor.name, event, context];
  }

  @OnStreamEvent(['order.paid', 'order.refunded'])
  @OnStreamEvent('order.cancelled')
  settled(): string {
    return 'settled';
  }

  @OnStreamEvent()
  other(): string {
    return 'other';
  }
}

@StreamConsumer('orders', { group: 'search', maxMessages: 500 })
class Search {
  @OnStreamBatch()
  index(events: readonly StreamEvent[], context: StreamContext): unknown {
    return [this.constructor.name, events, context];
  }
}

describe('a stream consumer', () => {
  it('is found with its handlers, which run on the instance with the event and its context', async () => {
    const [billing, ...rest] = await explore([Billing]);
    expect(rest).toStrictEqual([]);
    expect(billing).toMatchObject({ label: 'Billing', stream: 'orders', group: 'billing' });
    expect([...billing!.handlers.keys()].toSorted()).toStrictEqual([
      'order.cancelled',
      'order.created',
      'order.paid',
      'order.refunded',
    ]);
    const created = billing!.handlers.get('order.created')!;
    expect(created.label).toBe('Billing.created');
    expect(created.run(EVENT, CONTEXT)).toStrictEqual(['Billing', EVENT, CONTEXT]);
    for (const type of ['order.paid', 'order.refunded', 'order.cancelled']) {
      expect(billing!.handlers.get(type)!.run(EVENT, CONTEXT)).toBe('settled');
    }
    expect(billing!.catchAll!.label).toBe('Billing.other');
    expect(billing!.catchAll!.run(EVENT, CONTEXT)).toBe('other');
    expect(billing!.batch).toBeUndefined();
  });

  it('of batches takes all of them', async () => {
    const [search] = await explore([Search]);
    expect(search!.batch!.label).toBe('Search.index');
    expect(search!.batch!.run([EVENT], CONTEXT)).toStrictEqual(['Search', [EVENT], CONTEXT]);
    expect(search!.handlers.size).toBe(0);
    expect(search!.catchAll).toBeUndefined();
  });

  it('has what it says over the defaults, in milliseconds', async () => {
    @StreamConsumer('orders', {
      group: 'g',
      engine: 'pgqueue',
      startFrom: 'start',
      pollInterval: '5s',
      maxMessages: 10_000,
      concurrency: 20,
      attempts: 1,
      retryDelay: 0,
      hold: 'key',
      unhandled: 'ack',
      shutdownTimeout: 0,
      maxStalledCount: 0,
    })
    class Everything {
      @OnStreamEvent()
      any(): void {}
    }
    const [billing, everything] = await explore([Billing, Everything]);
    expect(billing!.options).toStrictEqual({
      engine: 'pgqueue',
      startFrom: 'end',
      pollInterval: 30_000,
      maxMessages: 100,
      concurrency: 1,
      attempts: 3,
      retryDelay: 60_000,
      hold: 'nothing',
      unhandled: 'nack',
      shutdownTimeout: 10_000,
      maxStalledCount: 2,
    });
    expect(everything!.options).toStrictEqual({
      engine: 'pgqueue',
      startFrom: 'start',
      pollInterval: 5000,
      maxMessages: 10_000,
      concurrency: 20,
      attempts: 1,
      retryDelay: 0,
      hold: 'key',
      unhandled: 'ack',
      shutdownTimeout: 0,
      maxStalledCount: 0,
    });
  });

  it('takes options of a later source over an earlier one, one by one', () => {
    const options = resolveStreamConsumerOptions({ attempts: 2, concurrency: 2 }, { concurrency: 3 }, {});
    expect(options).toMatchObject({ attempts: 2, concurrency: 3, maxMessages: 100 });
    expect(resolveStreamConsumerOptions()).toMatchObject({ attempts: 6, concurrency: 1 });
  });

  it('holds its stream or its keys, with batches too', async () => {
    @StreamConsumer('orders', { group: 'stream', hold: 'stream' })
    class Stream {
      @OnStreamBatch()
      all(): void {}
    }
    @StreamConsumer('orders', { group: 'key', hold: 'key' })
    class Key {
      @OnStreamBatch()
      all(): void {}
    }
    expect((await explore([Stream, Key])).map(({ options }) => options.hold)).toStrictEqual(['stream', 'key']);
  });

  it('may be on PgQue, with a name of 57 bytes', async () => {
    @StreamConsumer('ü'.repeat(28) + 'u', { group: 'g'.repeat(200), engine: 'pgque', hold: 'nothing', concurrency: 5 })
    class OnPgQue {
      @OnStreamEvent()
      any(): void {}
    }
    expect((await explore([OnPgQue]))[0]!.options).toMatchObject({ engine: 'pgque', concurrency: 5 });
  });

  it('may have a name of 200 characters on the module’s own streams, of any kind but control characters', async () => {
    const nasty = `'; drop table "x"; -- \u007f`;
    const stream = nasty + '😀'.repeat(200 - nasty.length);
    @StreamConsumer(stream, { group: '*' })
    class Long {
      @OnStreamEvent('__proto__')
      any(): string {
        return 'any';
      }
    }
    const [long] = await explore([Long]);
    expect(long).toMatchObject({ stream, group: '*' });
    expect(long!.handlers.get('__proto__')!.run(EVENT, CONTEXT)).toBe('any');
  });

  it.each<[string, Provider]>([
    ['useFactory', { provide: 'x', useFactory: () => new Billing() }],
    ['an async useFactory', { provide: 'x', useFactory: async () => new Billing() }],
    ['useValue', { provide: 'x', useValue: new Billing() }],
    ['useClass under another token', { provide: 'x', useClass: Billing }],
  ])('is found when it is provided by %s', async (_how, provider) => {
    expect(await explore([provider])).toHaveLength(1);
  });

  it('is one consumer when two modules provide it, or an alias names it', async () => {
    @Module({ providers: [Billing] })
    class OtherModule {}
    const alias = { provide: 'alias', useExisting: Billing };
    expect(await explore([Billing, alias], { imports: [OtherModule] })).toHaveLength(1);
  });

  it('may be a controller', async () => {
    @Controller()
    @StreamConsumer('web', { group: 'g' })
    class Web {
      @OnStreamEvent()
      any(): void {}
    }
    expect(await explore([], { controllers: [Web] })).toHaveLength(1);
  });

  it('gets its constructor dependencies without @Injectable()', async () => {
    @Injectable()
    class Ledger {}
    @StreamConsumer('orders', { group: 'ledger' })
    class Bookkeeping {
      constructor(@Inject(Ledger) readonly ledger: Ledger) {}
      @OnStreamEvent('x')
      x(): unknown {
        return this.ledger;
      }
    }
    const [bookkeeping] = await explore([Ledger, Bookkeeping]);
    expect(bookkeeping!.handlers.get('x')!.run(EVENT, CONTEXT)).toBeInstanceOf(Ledger);
  });

  it('hears a test that replaces a method on the instance', async () => {
    const billing = new Billing();
    const search = new Search();
    const [one, two] = await explore([
      { provide: 'b', useValue: billing },
      { provide: 's', useValue: search },
    ]);
    billing.other = () => 'replaced';
    search.index = () => 'replaced too';
    expect(one!.catchAll!.run(EVENT, CONTEXT)).toBe('replaced');
    expect(two!.batch!.run([], CONTEXT)).toBe('replaced too');
  });

  it('inherits methods, and the decoration of its parent unless it has its own', async () => {
    class Child extends Billing {
      override other(): string {
        return 'overridden without @OnStreamEvent()';
      }
    }
    @StreamConsumer('invoices', { group: 'archive' })
    class Archive extends Billing {}
    const definitions = await explore([Child, Archive]);
    expect(definitions.map(({ label, stream, group }) => [label, stream, group])).toStrictEqual([
      ['Child', 'orders', 'billing'],
      ['Archive', 'invoices', 'archive'],
    ]);
    expect(definitions[0]!.handlers.get('order.created')!.run(EVENT, CONTEXT)).toStrictEqual(['Child', EVENT, CONTEXT]);
    expect(definitions[0]!.catchAll).toBeUndefined();
    expect(definitions.map(({ options }) => options.attempts)).toStrictEqual([3, 6]);
  });

  it('shares its group with another that takes other types, and its stream with other groups', async () => {
    @StreamConsumer('orders', { group: 'billing', attempts: 3 })
    class Refunds {
      @OnStreamEvent('order.disputed')
      disputed(): void {}
    }
    @StreamConsumer('orders', { group: 'mail' })
    class Mail {
      @OnStreamEvent('order.created')
      created(): void {}
    }
    expect((await explore([Billing, Refunds, Mail, Search])).map(({ group }) => group)).toStrictEqual([
      'billing',
      'billing',
      'mail',
      'search',
    ]);
  });

  it('may be a processor of jobs as well', async () => {
    @Processor('orders')
    @StreamConsumer('orders', { group: 'both' })
    class Both {
      @Process('x')
      @OnStreamEvent('x')
      x(): string {
        return 'x';
      }
    }
    const module = await exploring({ providers: [Both] });
    const [consumer] = module.get(StreamConsumerExplorer).explore();
    const [processor] = module.get(ProcessorExplorer).explore();
    expect([consumer!.label, processor!.label]).toStrictEqual(['Both', 'Both']);
    expect([...consumer!.handlers.keys(), ...processor!.handlers.keys()]).toStrictEqual(['x', 'x']);
  });

  it('is not what is neither decorated nor has decorated methods', async () => {
    @Processor('q')
    class JustAProcessor {
      @Process()
      any(): void {}
    }
    const values = [null, 5, 'x', {}, Object.create(null), () => 1].map((useValue, i) => ({
      provide: `v${i}`,
      useValue,
    }));
    expect(await explore([JustAProcessor, ...values])).toStrictEqual([]);
  });
});
