import {
  type ArgumentMetadata,
  Catch,
  createParamDecorator,
  type ExecutionContext,
  Injectable,
  Module,
  ParseIntPipe,
  type PipeTransform,
  UseFilters,
  UsePipes,
  ValidationPipe,
} from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import {
  ActiveJob,
  CurrentJob,
  InvalidJobDataError,
  JobData,
  JobSignal,
  JobTimeoutError,
  Process,
  Processor,
} from '../../lib/index.js';
import { testDatabase } from '../support/database.js';
import { ended, newQueue, testApplications } from '../support/running.js';
import { schema, slowSchema } from '../support/schemas.js';
import { until } from '../support/signals.js';

const database = testDatabase({ migrated: true });
const start = testApplications(database);

/** As text, with what Nest tells it of the parameter. */
@Injectable()
class Describing implements PipeTransform {
  transform(value: unknown, { type, data, metatype }: ArgumentMetadata): string {
    return `${JSON.stringify(value)} of ${type} ${String(data)} ${metatype?.name}`;
  }
}

const User = createParamDecorator((part: string, context: ExecutionContext): unknown => {
  const job = context.getArgByIndex<ActiveJob<{ user: Record<string, unknown> }>>(0);
  return job.data.user[part];
});

class Dto {
  readonly name!: string;
  greet(): string {
    return `hello ${this.name}`;
  }
}

describe('a parameter of a handler', () => {
  it('with @JobData() is the data, or a property of it that is its own', async () => {
    const name = newQueue();
    @Processor(name)
    class Handlers {
      @Process('data')
      data(@JobData() data: object): unknown {
        return data;
      }

      @Process('properties')
      properties(
        @JobData('to') to: string,
        @JobData('constructor') own: unknown,
        @JobData('0') none: unknown,
      ): unknown {
        return [to, own === undefined, none === undefined];
      }
    }
    const queue = (await start({ providers: [Handlers] })).queue(name);
    expect((await ended(queue, await queue.add('data', { to: 'ann' }))).returnvalue).toEqual({ to: 'ann' });
    expect((await ended(queue, await queue.add('properties', { to: 'ann' }))).returnvalue).toEqual(['ann', true, true]);
    // data need not be an object
    expect((await ended(queue, await queue.add('properties', 'text'))).returnvalue).toEqual([null, true, true]);
    expect((await ended(queue, await queue.add('properties', null))).returnvalue).toEqual([null, true, true]);
  });

  it('with @CurrentJob() is the job, with @JobSignal() its signal, in any place', async () => {
    const name = newQueue();
    const got: unknown[] = [];
    @Processor(name)
    class Handlers {
      @Process({ name: 'x', timeout: 50 })
      async handle(
        @JobSignal() signal: AbortSignal,
        @JobData('n') n: number,
        @CurrentJob() job: ActiveJob,
      ): Promise<void> {
        got.push(n, job instanceof ActiveJob, job.signal === signal);
        await until('the signal to abort', () => signal.aborted);
        got.push(signal.reason);
      }
    }
    const queue = (await start({ providers: [Handlers] })).queue(name);
    await ended(queue, await queue.add('x', { n: 5 }, { attempts: 1 }));
    await until('the handler to see it', () => got.length === 4);
    expect(got).toEqual([5, true, true, expect.any(JobTimeoutError)]);
  });

  it('with a decorator of createParamDecorator() is what that makes of the job', async () => {
    const name = newQueue();
    @Processor(name)
    class Handlers {
      @Process()
      handle(@User('name') user: string, @User('age', ParseIntPipe) age: number, @JobData() data: object): unknown {
        return [user, age, data];
      }
    }
    const queue = (await start({ providers: [Handlers] })).queue(name);
    const data = { user: { name: 'ann', age: '42' } };
    expect((await ended(queue, await queue.add('x', data))).returnvalue).toEqual(['ann', 42, data]);
  });
});

describe('pipes', () => {
  it('make of @JobData() what the handler gets, with dependencies of the module: the class’s, the method’s, then its own', async () => {
    const name = newQueue();
    class Suffix {
      readonly is = '!';
    }
    @Injectable()
    class Shout implements PipeTransform {
      constructor(private readonly suffix: Suffix) {}

      transform(value: unknown): string {
        return String(value).toUpperCase() + this.suffix.is;
      }
    }
    const append = (text: string): PipeTransform => ({ transform: (value: unknown) => String(value) + text });
    @Processor(name)
    @UsePipes(append(' class'))
    class Handlers {
      @Process('order')
      @UsePipes(append(' method'))
      order(@JobData('text', append(' own'), Shout) text: string): string {
        return text;
      }
    }
    const queue = (await start({ providers: [Handlers, Suffix] })).queue(name);
    expect((await ended(queue, await queue.add('order', { text: 'text' }))).returnvalue).toBe('TEXT CLASS METHOD OWN!');
  });

  it('see it as a body, with its property and its type', async () => {
    const name = newQueue();
    @Processor(name)
    class Handlers {
      @Process('data')
      data(@JobData(Describing) data: Dto): unknown {
        return data;
      }

      @Process('property')
      property(@JobData('n', new Describing()) n: number): unknown {
        return n;
      }

      @Process('options')
      options(@JobData({ pipes: [Describing] }) data: Dto, @JobData('n', { pipes: [Describing] }) n: number): unknown {
        return [data, n];
      }
    }
    const queue = (await start({ providers: [Handlers] })).queue(name);
    const results = [];
    for (const job of ['data', 'property', 'options']) {
      results.push((await ended(queue, await queue.add(job, { n: 1 }))).returnvalue);
    }
    expect(results).toEqual([
      '{"n":1} of body undefined Dto',
      '1 of body n Number',
      ['{"n":1} of body undefined Dto', '1 of body n Number'],
    ]);
  });

  it('leave the job and its signal alone', async () => {
    const name = newQueue();
    @Processor(name)
    @UsePipes({ transform: () => 'replaced' })
    class Handlers {
      @Process()
      handle(@CurrentJob() job: ActiveJob, @JobSignal() signal: AbortSignal, @JobData() data: unknown): unknown {
        return [job instanceof ActiveJob, signal instanceof AbortSignal, data];
      }
    }
    const queue = (await start({ providers: [Handlers] })).queue(name);
    expect((await ended(queue, await queue.add('x', 1))).returnvalue).toEqual([true, true, 'replaced']);
  });

  it('may be a ValidationPipe, which makes the DTO of the parameter’s type and validates it', async () => {
    const name = newQueue();
    const validating = new ValidationPipe({
      transform: true,
      // the two packages that it would load
      transformerPackage: {
        plainToInstance: (type: new () => object, value: object) => Object.assign(new type(), value),
        classToPlain: (value: object) => ({ ...value }),
      } as never,
      validatorPackage: {
        validate: async ({ name: is }: Dto) =>
          typeof is === 'string' ? [] : [{ property: 'name', constraints: { isString: 'name must be a string' } }],
      },
    });
    @Processor(name)
    @UsePipes(validating)
    class Handlers {
      @Process()
      handle(@JobData() dto: Dto, @CurrentJob() { id }: ActiveJob): unknown {
        return [dto instanceof Dto, dto.greet(), typeof id];
      }
    }
    const queue = (await start({ providers: [Handlers] })).queue(name);
    expect((await ended(queue, await queue.add('x', { name: 'ann' }))).returnvalue).toEqual([
      true,
      'hello ann',
      'string',
    ]);
    const refused = await ended(queue, await queue.add('x', { name: 1 }, { attempts: 2, backoff: 0 }));
    // an error as any other: what it is about decides whether to try again
    expect([await refused.getState(), refused.attemptsMade]).toEqual(['failed', 2]);
    expect(refused.failedReason).toBe('Bad Request Exception');
  });

  it('that fail the attempt do so before the handler runs', async () => {
    const name = newQueue();
    const ran: unknown[] = [];
    @Processor(name)
    class Handlers {
      @Process()
      handle(@JobData('n', ParseIntPipe) n: number): void {
        ran.push(n);
      }
    }
    const queue = (await start({ providers: [Handlers] })).queue(name);
    const job = await ended(queue, await queue.add('x', { n: 'x' }, { attempts: 1 }));
    expect([job.failedReason, ran]).toEqual(['Validation failed (numeric string is expected)', []]);
  });
});

describe('@JobData({ schema })', () => {
  const ofMail = schema(
    ({ to, tags }) => [
      ...(typeof to === 'string' ? [] : [{ message: 'must be text', path: ['to'] }]),
      ...(tags === undefined ? [] : [{ message: 'too many', path: ['tags', 2, 'a b'] }]),
    ],
    ({ to }: { to: string }) => ({ to: to.toLowerCase() }),
  );

  it.each([
    ['at once', ofMail],
    ['in its time', slowSchema(ofMail)],
  ])('gives the handler what the schema makes of the data, %s', async (_when, mail) => {
    const name = newQueue();
    @Processor(name)
    class Handlers {
      @Process('data')
      data(@JobData({ schema: mail }) data: unknown): unknown {
        return data;
      }

      @Process('property')
      property(@JobData('mail', { schema: mail, pipes: [Describing] }) data: object): unknown {
        return data;
      }
    }
    const queue = (await start({ providers: [Handlers] })).queue(name);
    expect((await ended(queue, await queue.add('data', { to: 'ANN' }))).returnvalue).toEqual({ to: 'ann' });
    expect((await ended(queue, await queue.add('property', { mail: { to: 'ANN' } }))).returnvalue).toBe(
      '{"to":"ann"} of body mail Object',
    );
  });

  it('ends the job at once when the data does not fit, with all issues as its reason', async () => {
    const name = newQueue();
    const caught: unknown[] = [];
    @Catch()
    class Noting {
      catch(error: unknown): void {
        caught.push(error);
      }
    }
    @Processor(name)
    @UseFilters(Noting)
    class Handlers {
      @Process('data')
      data(@JobData({ schema: ofMail }) _data: unknown): void {
        caught.push('it ran');
      }

      @Process('property')
      property(@JobData('my mail', { schema: slowSchema(ofMail) }) _data: unknown): void {
        caught.push('it ran');
      }
    }
    const queue = (await start({ providers: [Handlers] })).queue(name);
    const data = await ended(queue, await queue.add('data', { to: 1, tags: [] }));
    expect([await data.getState(), data.attemptsStarted, data.failedReason]).toEqual([
      'failed',
      0,
      `data.to: must be text; data.tags[2]["a b"]: too many`,
    ]);
    const property = await ended(queue, await queue.add('property', { 'my mail': { to: 1 } }));
    expect([await property.getState(), property.attemptsStarted, property.failedReason]).toEqual([
      'failed',
      0,
      `data["my mail"].to: must be text`,
    ]);
    expect(caught).toEqual([expect.any(InvalidJobDataError), expect.any(InvalidJobDataError)]);
    expect(caught[0]).toMatchObject({
      code: 'PGQUEUE_INVALID_JOB_DATA',
      path: 'data.to',
      issues: [
        { message: 'must be text', path: ['to'] },
        { message: 'too many', path: ['tags', 2, 'a b'] },
      ],
    });
  });

  it('that fails by itself fails the attempt, as any error', async () => {
    const name = newQueue();
    let looked = 0;
    const moody = schema(
      () => {
        if (++looked === 1) throw new Error('no connection');
        return [];
      },
      () => 'looked up',
    );
    @Processor(name)
    class Handlers {
      @Process()
      handle(@JobData({ schema: moody }) data: unknown): unknown {
        return data;
      }
    }
    const queue = (await start({ providers: [Handlers] })).queue(name);
    const job = await ended(queue, await queue.add('x', null, { backoff: 0 }));
    expect([job.returnvalue, job.stacktrace.length]).toEqual(['looked up', 1]);
  });
});

it('classes of one name in two modules have their own parameters', async () => {
  const [one, two] = [newQueue(), newQueue()];
  const modules = [
    (() => {
      @Processor(one)
      class Same {
        @Process()
        handle(@JobData('a') a: unknown, @CurrentJob() job: ActiveJob): unknown {
          return [a, job.queueName];
        }
      }
      return Same;
    })(),
    (() => {
      @Processor(two)
      class Same {
        @Process()
        handle(@CurrentJob() job: ActiveJob, @JobData('b', ParseIntPipe) b: unknown): unknown {
          return [job.queueName, b];
        }
      }
      return Same;
    })(),
  ].map((Same) => {
    @Module({ providers: [Same] })
    class OneModule {}
    return OneModule;
  });
  const { queue } = await start({ imports: modules });
  expect((await ended(queue(one), await queue(one).add('x', { a: 1 }))).returnvalue).toEqual([1, one]);
  expect((await ended(queue(two), await queue(two).add('x', { b: '2' }))).returnvalue).toEqual([two, 2]);
});
