import {
  type ArgumentsHost,
  type CallHandler,
  type CanActivate,
  Catch,
  createParamDecorator,
  type ExceptionFilter,
  type ExecutionContext,
  Injectable,
  type NestInterceptor,
  ParseIntPipe,
  Scope,
  UseFilters,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { type Observable, tap } from 'rxjs';
import { describe, expect, it } from 'vitest';
import {
  DelayedError,
  InvalidStreamConsumerError,
  isPgQueueContext,
  OnStreamBatch,
  OnStreamEvent,
  StreamConsumer,
  type StreamContext,
  type StreamEvent,
  UnrecoverableError,
} from '../../lib/index.js';
import { deadLetters, newStream, publishing } from '../support/consuming.js';
import { testDatabase } from '../support/database.js';
import { refusals } from '../support/refusal.js';
import { testApplications } from '../support/running.js';
import { until } from '../support/signals.js';

const database = testDatabase({ migrated: true });
const start = testApplications(database);
const refusalOf = refusals(database);
const { publish, publishOne } = publishing(database);

const GROUP = { group: 'g', startFrom: 'start', retryDelay: 0 } as const;

class Audit {
  readonly seen: unknown[] = [];
}

@Injectable()
class Noting implements NestInterceptor {
  constructor(private readonly audit: Audit) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    this.audit.seen.push([context.getType(), isPgQueueContext(context), context.getArgs().length]);
    return next.handle().pipe(tap((result) => this.audit.seen.push(`after ${String(result)}`)));
  }
}

/** The part of an event that a handler asks for. */
const FromEvent = createParamDecorator((part: keyof StreamEvent, context: ExecutionContext): unknown => {
  const event = context.getArgByIndex<StreamEvent>(0);
  return part === 'data' ? event.data.n : event[part];
});

describe('before the handler of an event', () => {
  it('stand guards and interceptors, which know the event and its context', async () => {
    const stream = newStream();
    const audit = new Audit();
    @Injectable()
    class Guard implements CanActivate {
      constructor(private readonly of: Audit) {}

      canActivate(context: ExecutionContext): boolean {
        const [event, { group }] = context.getArgs<[StreamEvent, StreamContext]>();
        this.of.seen.push([event.data, group, context.getClass().name, context.getHandler().name]);
        return true;
      }
    }
    @StreamConsumer(stream, GROUP)
    @UseGuards(Guard)
    class Guarded {
      @OnStreamEvent()
      @UseInterceptors(Noting)
      handle(event: StreamEvent, context: StreamContext): string {
        audit.seen.push([event.data, context.group]);
        return 'handled';
      }
    }
    await start({ providers: [Guarded, { provide: Audit, useValue: audit }] });
    await publish(stream, 1);
    await until('it to be handled', () => audit.seen.length === 4);
    expect(audit.seen).toEqual([
      [{ n: 1 }, 'g', 'Guarded', 'handle'],
      ['pg-queue', true, 2],
      [{ n: 1 }, 'g'],
      'after handled',
    ]);
  });

  it('a guard that refuses has it delivered again, as any error of the handler', async () => {
    const stream = newStream();
    const seen: number[] = [];
    @StreamConsumer(stream, { ...GROUP, attempts: 2 })
    class Guarded {
      @OnStreamEvent()
      @UseGuards({
        canActivate: (context) => {
          const { data, retryCount } = context.getArgByIndex<StreamEvent>(0);
          return data.n !== 1 && (data.n === 2 || retryCount > 0);
        },
      })
      handle({ data }: StreamEvent): void {
        seen.push(data.n);
      }
    }
    await start({ providers: [Guarded] });
    await publish(stream, 1, 2, 3);
    await until('both', () => seen.length === 2);
    expect(new Set(seen)).toEqual(new Set([2, 3]));
    await until('a dead letter', async () => (await deadLetters(database, stream)).length === 1);
    expect((await deadLetters(database, stream))[0]!.errors).toEqual(['Forbidden resource', 'Forbidden resource']);
  });

  it('errors keep their class on their way: UnrecoverableError makes a dead letter, DelayedError charges nothing', async () => {
    const stream = newStream();
    const seen: [number, number][] = [];
    @StreamConsumer(stream, GROUP)
    @UseInterceptors({ intercept: (_context, next) => next.handle() })
    class Failing {
      @OnStreamEvent()
      handle({ data, retryCount }: StreamEvent): void {
        seen.push([data.n, retryCount]);
        if (data.n === 1) throw new UnrecoverableError('for good');
        if (seen.filter(([n]) => n === 2).length === 1) throw new DelayedError(0);
      }
    }
    await start({ providers: [Failing] });
    await publish(stream, 1, 2);
    await until('all', () => seen.length === 3);
    expect(seen.filter(([n]) => n === 1)).toEqual([[1, 0]]);
    expect(seen.filter(([n]) => n === 2)).toEqual([
      [2, 0],
      [2, 0],
    ]);
    await until('a dead letter', async () => (await deadLetters(database, stream)).length === 1);
    expect((await deadLetters(database, stream))[0]!.errors).toEqual(['for good']);
  });

  it('a filter that returns something has it handled, one that returns nothing has it delivered again', async () => {
    const stream = newStream();
    const caught: unknown[] = [];
    @Catch(RangeError)
    class Ranges implements ExceptionFilter<RangeError> {
      catch({ message }: RangeError, host: ArgumentsHost): unknown {
        const [{ retryCount }] = host.getArgs<[StreamEvent]>();
        caught.push([message, retryCount]);
        return message === '1' || retryCount > 0 ? 'handled' : undefined;
      }
    }
    @StreamConsumer(stream, GROUP)
    @UseFilters(Ranges)
    class Failing {
      @OnStreamEvent()
      handle({ data }: StreamEvent): void {
        throw new RangeError(String(data.n));
      }
    }
    const { app } = await start({ providers: [Failing] });
    await publish(stream, 1, 2);
    await until('all', () => caught.length === 3);
    await app.close();
    expect(new Set(caught)).toEqual(
      new Set([
        ['1', 0],
        ['2', 0],
        ['2', 1],
      ]),
    );
    expect(await deadLetters(database, stream)).toEqual([]);
  });

  it('parameters may have decorators of createParamDecorator(), with pipes', async () => {
    const stream = newStream();
    const seen: unknown[] = [];
    @StreamConsumer(stream, GROUP)
    class Consumer {
      @OnStreamEvent()
      handle(@FromEvent('type') type: string, @FromEvent('data', ParseIntPipe) n: number): void {
        seen.push([type, n]);
      }
    }
    await start({ providers: [Consumer] });
    await publishOne(stream, { n: '7' }, 'seven');
    await until('it', () => seen.length === 1);
    expect(seen).toEqual([['seven', 7]]);
  });
});

describe('before the handler of a whole batch', () => {
  it('stand guards, interceptors and filters, which know the events and their context', async () => {
    const stream = newStream();
    const seen: unknown[] = [];
    await publish(stream, 1, 2, 3);
    @StreamConsumer(stream, GROUP)
    @UseGuards({ canActivate: (context) => seen.push(context.getArgByIndex<StreamEvent[]>(0).length) > 0 })
    @UseInterceptors({
      intercept: (context, next) => {
        seen.push(context.getArgByIndex<StreamContext>(1).group);
        return next.handle();
      },
    })
    class Batches {
      @OnStreamBatch()
      @UseFilters({ catch: ({ message }: Error) => seen.push(message) })
      handle(events: StreamEvent[], context: StreamContext): void {
        seen.push(
          events.map(({ data }) => data.n),
          context.group,
        );
        throw new Error('caught');
      }
    }
    const { app } = await start({ providers: [Batches] });
    await until('it to be handled', () => seen.includes('caught'));
    await app.close();
    expect(seen).toEqual([3, 'g', [1, 2, 3], 'g', 'caught']);
  });
});

it('a guard that refuses a batch is asked about each of its events by itself', async () => {
  const stream = newStream();
  const asked: number[][] = [];
  const seen: number[] = [];
  await publish(stream, 1, 2, 3);
  @StreamConsumer(stream, { ...GROUP, attempts: 2 })
  class Batches {
    @OnStreamBatch()
    @UseGuards({
      canActivate: (context) => {
        const numbers = context.getArgByIndex<StreamEvent[]>(0).map(({ data }) => data.n);
        asked.push(numbers);
        return !numbers.includes(2);
      },
    })
    handle([event]: StreamEvent[]): void {
      seen.push(event!.data.n);
    }
  }
  await start({ providers: [Batches] });
  await until('a dead letter', async () => (await deadLetters(database, stream)).length === 1);
  await until('the others', () => seen.length === 2);
  expect(asked[0]).toEqual([1, 2, 3]);
  expect(new Set(asked.slice(1).map(([n, ...more]) => (more.length === 0 ? n : 'more')))).toEqual(new Set([1, 2, 3]));
  expect(new Set(seen)).toEqual(new Set([1, 3]));
});

describe('the global guards of the application', () => {
  it('stand before events with inheritAppConfig: true alone', async () => {
    const asked: unknown[] = [];
    class Guard implements CanActivate {
      canActivate(context: ExecutionContext): boolean {
        asked.push(context.getArgByIndex<StreamEvent>(0).stream);
        return true;
      }
    }
    const streams = [newStream(), newStream()] as const;
    for (const inheritAppConfig of [false, true]) {
      const stream = streams[Number(inheritAppConfig)]!;
      const seen: unknown[] = [];
      @StreamConsumer(stream, GROUP)
      class Consumer {
        @OnStreamEvent()
        handle({ data }: StreamEvent): void {
          seen.push(data);
        }
      }
      await publish(stream, 1);
      const providers = [Consumer, { provide: APP_GUARD, useClass: Guard }];
      const { app } = await start({ providers, options: { inheritAppConfig } });
      await until('it', () => seen.length === 1);
      await app.close();
    }
    expect(asked).toEqual([streams[1]]);
  });
});

describe('an application does not start with a stream consumer', () => {
  @Injectable({ scope: Scope.REQUEST })
  class Scoped implements CanActivate {
    canActivate(): boolean {
      return true;
    }
  }

  it('that a guard of its own makes request-scoped: an event is no request', async () => {
    @StreamConsumer(newStream(), GROUP)
    class Guarded {
      @OnStreamEvent()
      @UseGuards(Scoped)
      handle(): void {}
    }
    const error = await refusalOf({}, { providers: [Guarded] });
    expect(error).toBeInstanceOf(InvalidStreamConsumerError);
    expect(error.message).toMatch(/^Guarded is request-scoped.*by a guard, interceptor, pipe or filter.*ModuleRef/);
  });

  it('before which a request-scoped or transient global guard would stand', async () => {
    @StreamConsumer(newStream(), GROUP)
    class Consumer {
      @OnStreamEvent()
      handle(): void {}
    }
    const providers = [Consumer, { provide: APP_GUARD, useClass: Scoped }];
    const error = await refusalOf({ inheritAppConfig: true }, { providers });
    expect(error).toBeInstanceOf(InvalidStreamConsumerError);
    expect(error.message).toMatch(/^Consumer\.handle: with inheritAppConfig, the global Scoped would stand before it/);
    const { app } = await start({ providers });
    await app.close();
  });
});
