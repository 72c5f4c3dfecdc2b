import {
  Body,
  type CanActivate,
  Controller,
  createParamDecorator,
  Injectable,
  ParseIntPipe,
  type PipeTransform,
  type Provider,
  Req,
  Scope,
  type Type,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
} from '@nestjs/common';
import { APP_GUARD, APP_PIPE, ExternalContextCreator } from '@nestjs/core';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Candidate } from '../../lib/discovery/candidate.js';
import { readDeclared } from '../../lib/discovery/declared-enhancers.js';
import { JOB_HANDLERS } from '../../lib/discovery/handler-kind.js';
import { ProcessorExplorer } from '../../lib/discovery/processor.explorer.js';
import { StreamConsumerExplorer } from '../../lib/discovery/stream-consumer.explorer.js';
import {
  type ActiveJob,
  CurrentJob,
  InvalidOptionsError,
  InvalidProcessorError,
  InvalidStreamConsumerError,
  JobData,
  JobSignal,
  OnStreamBatch,
  OnStreamEvent,
  OnWorkerEvent,
  Process,
  Processor,
  StreamConsumer,
  type StreamContext,
  type StreamEvent,
  WorkerHost,
} from '../../lib/index.js';
import type { JobRun } from '../../lib/runtime/job-run.js';
import { type Explored, exploring } from '../support/exploring.js';

const JOB = { data: { n: '5' } } as ActiveJob;
const RUN = {} as JobRun;
const GROUP = { group: 'billing' };
const Part = createParamDecorator((_part: unknown, context) => context.getArgByIndex(0));

@Injectable()
class Guard implements CanActivate {
  canActivate(): boolean {
    return true;
  }
}

const processors = async (of: Explored) => (await exploring(of)).get(ProcessorExplorer).explore();
const consumers = async (of: Explored) => (await exploring(of)).get(StreamConsumerExplorer).explore();

async function refusalOf(explored: Promise<unknown>): Promise<Error & { path?: string }> {
  return explored.then(
    () => expect.fail('it was not refused'),
    (error: unknown) => error as Error,
  );
}

describe('a handler with nothing before it', () => {
  const create = vi.spyOn(ExternalContextCreator.prototype, 'create');
  afterEach(() => create.mockClear());

  @Processor('plain')
  @StreamConsumer('plain', GROUP)
  class Plain {
    @Process()
    job(...args: unknown[]): unknown {
      return [this.constructor.name, args];
    }

    @OnStreamEvent()
    event(...args: unknown[]): unknown {
      return [this.constructor.name, args];
    }
  }
  @StreamConsumer('plain', { group: 'batches' })
  class Batches {
    @OnStreamBatch()
    batch(...args: unknown[]): unknown {
      return args;
    }
  }
  const event = {} as StreamEvent;
  const context = {} as StreamContext;

  it.each([
    ['without global ones', {}, []],
    ['with global ones that are not inherited', {}, [{ provide: APP_GUARD, useClass: Guard }]],
    [
      'with a pipe to inherit, which would have nothing to look at',
      { inheritAppConfig: true },
      [{ provide: APP_PIPE, useClass: ParseIntPipe }],
    ],
  ] as const)('is called as it is, at once and by itself, %s', async (_when, options, globals) => {
    const of = { providers: [Plain, Batches, ...globals], options };
    const [definition] = await processors(of);
    const [consumer, batches] = await consumers(of);
    // no promise
    expect(definition!.catchAll!.run(JOB, RUN)).toEqual(['Plain', [JOB]]);
    expect(consumer!.catchAll!.run(event, context)).toEqual(['Plain', [event, context]]);
    expect(batches!.batch!.run([event], context)).toEqual([[event], context]);
    expect(create).not.toHaveBeenCalled();
  });

  it('is left alone beside one with something', async () => {
    @Processor('beside')
    class Beside {
      @Process('plain')
      plain(): number {
        return 1;
      }

      @Process('guarded')
      @UseGuards(Guard)
      guarded(): number {
        return 2;
      }
    }
    const [definition] = await processors({ providers: [Beside] });
    expect(definition!.handlers.get('plain')!.run(JOB, RUN)).toBe(1);
    await expect(definition!.handlers.get('guarded')!.run(JOB, RUN)).resolves.toBe(2);
    expect(create).toHaveBeenCalledTimes(1);
  });
});

/** A processor, or a consumer, with one method. */
function jobs(decorate: (type: Type) => void): Provider {
  @Processor('q')
  class Wrong {
    @Process()
    handle(_one: unknown, _two: unknown): void {}
  }
  decorate(Wrong);
  return Wrong;
}
function events(decorate: (type: Type) => void): Provider {
  @StreamConsumer('s', GROUP)
  class Wrong {
    @OnStreamEvent()
    handle(_one: unknown, _two: unknown): void {}
  }
  decorate(Wrong);
  return Wrong;
}
const on =
  (...decorators: [number, ParameterDecorator][]) =>
  ({ prototype }: Type): void => {
    for (const [index, decorate] of decorators) decorate(prototype, 'handle', index);
  };
const use =
  (decorate: MethodDecorator) =>
  ({ prototype }: Type): void => {
    decorate(prototype, 'handle', Object.getOwnPropertyDescriptor(prototype, 'handle')!);
  };

describe('refused at startup: a handler of jobs with', () => {
  it.each<[string, (type: Type) => void, string]>([
    [
      'a parameter without a decorator beside one that has one',
      on([1, JobData()]),
      'Wrong.handle: parameter 0 has no decorator, and another one has: it would get nothing; use @CurrentJob(), ',
    ],
    [
      'two decorators on a parameter',
      on([0, JobData()], [0, CurrentJob()], [1, CurrentJob()]),
      'Wrong.handle: parameter 0 has two decorators',
    ],
    [
      'one decorator twice on a parameter',
      on([0, JobData('a')], [0, JobData('b')], [1, CurrentJob()]),
      'Wrong.handle: parameter 0 has two decorators',
    ],
    [
      'a decorator for requests',
      on([0, JobData()], [1, Body()]),
      'Wrong.handle: parameter 1 has a decorator for another kind of handler, as @Body() is for requests: use @CurrentJob(), ',
    ],
    [
      'another',
      on([0, Req()], [1, JobData()]),
      'Wrong.handle: parameter 0 has a decorator for another kind of handler',
    ],
    [
      'pipes that have nothing to look at',
      use(UsePipes(ParseIntPipe)),
      'Wrong.handle: @UsePipes() has nothing to look at: pipes see parameters with decorators, as @JobData()',
    ],
    [
      'pipes that would look at the job alone',
      (type) => {
        on([0, CurrentJob()], [1, JobSignal()])(type);
        use(UsePipes(ParseIntPipe))(type);
      },
      'Wrong.handle: @UsePipes() has nothing to look at',
    ],
    [
      'pipes on its class, for none of its handlers',
      UsePipes(ParseIntPipe),
      'Wrong: @UsePipes() has nothing to look at',
    ],
  ])('%s', async (_what, decorate, says) => {
    const error = await refusalOf(processors({ providers: [jobs(decorate)] }));
    expect(error).toBeInstanceOf(InvalidProcessorError);
    expect(error.message.slice(0, says.length)).toBe(says);
  });

  it('a parameter without a decorator, which a decorator that wraps the method hides', async () => {
    const wraps: MethodDecorator = (_target, _key, descriptor: PropertyDescriptor) => {
      const { value } = descriptor;
      descriptor.value = function wrapped(...args: unknown[]): unknown {
        return value.apply(this, args);
      };
    };
    @Processor('q')
    class Wrong {
      @Process()
      @wraps
      handle(@JobData() _data: unknown, _job: ActiveJob): void {}
    }
    const error = await refusalOf(processors({ providers: [Wrong] }));
    expect(error.message).toMatch(/^Wrong\.handle: parameter 1 has no decorator/);
  });

  it.each<[string, unknown[], string, RegExp]>([
    ['no name of a property', [''], 'property', /must not be empty/],
    ['no pipe, as a circular import gives it', [undefined], 'pipes[0]', /must be a pipe.*not undefined/],
    ['no pipe after a property', ['to', class {}], 'pipes[0]', /must be a pipe/],
    [
      'a schema in place of a pipe',
      [{ '~standard': { version: 1, vendor: 'zod', validate: () => ({ value: 1 }) }, transform: () => 1 }],
      'pipes[0]',
      /is a schema, which is no pipe: give it as \{ schema \}/,
    ],
    ['no schema', [{ schema: { parse: () => 1 } }], 'schema', /must be a Standard Schema.*not an object/],
    ['an undefined schema', ['to', { schema: undefined }], 'schema', /is undefined: is it imported in a circle/],
    ['pipes that are no array', [{ pipes: ParseIntPipe }], 'pipes', /must be an array of pipes/],
    ['an unknown option', [{ shema: 1 }], 'shema', /did you mean 'schema'/],
    ['an array', [[ParseIntPipe]], 'options', /must be an object, not an array of 1/],
  ])('@JobData() that is given %s', async (_what, args, path, says) => {
    const decorate = (JobData as (...args: unknown[]) => ParameterDecorator)(...args);
    const provider = jobs(on([0, decorate], [1, CurrentJob()]));
    const error = await refusalOf(processors({ providers: [provider] }));
    expect(error).toBeInstanceOf(InvalidOptionsError);
    expect(error).toMatchObject({ path });
    expect(error.message).toMatch(says);
    expect(error.message).toMatch(/^Wrong\.handle: @JobData\(\) on parameter 0: /);
  });

  it('a guard, interceptor, pipe or filter of which there is no instance, since its class is a factory’s', async () => {
    @Injectable()
    class Enhancer implements PipeTransform {
      canActivate = (): boolean => true;
      intercept = (): never => expect.fail();
      catch = (): void => undefined;
      transform(value: unknown): unknown {
        return value;
      }
    }
    const decorations: [string, (type: Type) => void][] = [
      ['@UseGuards()', UseGuards(Enhancer)],
      ['@UseInterceptors()', use(UseInterceptors(Enhancer))],
      ['@UseFilters()', UseFilters(Enhancer)],
      ['a parameter', on([0, JobData(Enhancer)], [1, CurrentJob()])],
    ];
    for (const [what, decorate] of decorations) {
      const type = jobs(decorate) as Type;
      for (const provider of [
        { provide: 'token', useFactory: () => new type() },
        { provide: 'token', useValue: new type() },
      ]) {
        const error = await refusalOf(processors({ providers: [provider] }));
        expect(error).toBeInstanceOf(InvalidProcessorError);
        expect(error.message).toMatch(/^Wrong\.handle: .* has the class Enhancer, .*provide Wrong as a class/);
        expect(error.message).toContain(what);
      }
      expect(await processors({ providers: [type] })).toHaveLength(1);
    }
  });

  it('a guard that makes it request-scoped, by what it injects, unseen by the release of Nest', () => {
    class Guarded {
      handle(): void {}
    }
    const provider = (
      parts: { ctor?: unknown[]; properties?: unknown[]; enhancers?: unknown[] },
      scope = 0,
    ): unknown => ({
      name: 'Tenant',
      scope,
      host: { injectables: new Map() },
      isDependencyTreeStatic: () => true,
      getCtorMetadata: () => parts.ctor,
      getPropertiesMetadata: () => parts.properties?.map((wrapper) => ({ key: 'x', wrapper })),
      getEnhancersMetadata: () => parts.enhancers,
    });
    const read = (wrapper: unknown): unknown => {
      const candidate = { type: Guarded, instance: new Guarded(), isStatic: true, wrapper };
      return readDeclared(candidate as unknown as Candidate, ['handle'], JOB_HANDLERS).get('handle');
    };
    const tenant = provider({}, Scope.REQUEST);
    for (const guard of [
      provider({ ctor: [provider({}), tenant] }),
      provider({ properties: [provider({ ctor: [tenant] })] }),
    ]) {
      expect(() => read(provider({ enhancers: [guard] }))).toThrow(
        /^Guarded is request-scoped by Tenant, .*update Nest, or say scope: Scope\.REQUEST on Guarded and on what injects Tenant$/,
      );
    }
    const circle: unknown[] = [];
    circle.push(provider({ ctor: circle }));
    expect(read(provider({ enhancers: circle }))).toMatchObject({ enhanced: false });
  });

  it.each(['stalled', 'error'] as const)(
    'a method that hears %s in a request-scoped class: there is no job, so there is no instance',
    async (worker) => {
      @Processor({ name: 'q', scope: Scope.REQUEST })
      class Scoped {
        @Process()
        handle(): void {}
        @OnWorkerEvent(worker)
        hears(): void {}
      }
      const error = await refusalOf(processors({ providers: [Scoped] }));
      expect(error).toBeInstanceOf(InvalidProcessorError);
      expect(error.message).toMatch(
        /^Scoped\.hears: @OnWorkerEvent\('.*' \(string\)\) in a request-scoped processor.*singleton/,
      );
    },
  );
});

describe('refused at startup: a handler of events with', () => {
  it.each<[string, ParameterDecorator]>([
    ['@JobData()', JobData()],
    ['@CurrentJob()', CurrentJob()],
    ['@JobSignal()', JobSignal()],
  ])('%s', async (name, decorate) => {
    const error = await refusalOf(consumers({ providers: [events(on([0, Part()], [1, decorate]))] }));
    expect(error).toBeInstanceOf(InvalidStreamConsumerError);
    expect(error.message).toBe(
      `Wrong.handle: ${name} on parameter 1: an event is no job; use one that createParamDecorator() makes, whose ` +
        `context.getArgByIndex(0) is the event or the batch, (1) the StreamContext`,
    );
  });

  it('a parameter without a decorator, or pipes that have nothing to look at', async () => {
    const one = await refusalOf(consumers({ providers: [events(on([0, Part()]))] }));
    expect(one).toBeInstanceOf(InvalidStreamConsumerError);
    expect(one.message).toMatch(/^Wrong\.handle: parameter 1 has no decorator.*createParamDecorator/);
    const two = await refusalOf(consumers({ providers: [events(UsePipes(ParseIntPipe))] }));
    expect(two).toBeInstanceOf(InvalidStreamConsumerError);
    expect(two.message).toMatch(/^Wrong: @UsePipes\(\) has nothing to look at/);
  });
});

describe('parameters of a method', () => {
  class Parent {
    @Process()
    handle(@JobData('n') n: unknown, @CurrentJob() job: unknown): unknown {
      return [n, job];
    }
  }

  it('are inherited with it, and by one that overrides it, but for those that it decorates itself', async () => {
    @Processor('inherits')
    class Inherits extends Parent {}
    @Processor('overrides')
    class Overrides extends Parent {
      @Process()
      override handle(@JobData('n', ParseIntPipe) n: unknown, job: unknown): unknown {
        return [n, job === JOB];
      }
    }
    const [inherits, overrides] = await processors({ providers: [Inherits, Overrides] });
    await expect(inherits!.catchAll!.run(JOB, RUN)).resolves.toEqual(['5', JOB]);
    await expect(overrides!.catchAll!.run(JOB, RUN)).resolves.toEqual([5, true]);
  });

  it('may be those of a controller that is a processor, too', async () => {
    @Controller()
    @Processor('web')
    class Web {
      @Process()
      @UseGuards(Guard)
      handle(@JobData('n', ParseIntPipe) n: number): number {
        return n;
      }
    }
    const [web] = await processors({ controllers: [Web] });
    await expect(web!.catchAll!.run(JOB, RUN)).resolves.toBe(5);
  });
});

it('a request-scoped controller may be a processor: it has an instance for each job', async () => {
  const made: object[] = [];
  @Processor('web')
  @Controller({ scope: Scope.REQUEST })
  class Web {
    constructor() {
      made.push(this);
    }

    @Process()
    handle(): number {
      return made.length;
    }
  }
  const [web] = await processors({ controllers: [Web] });
  await expect(web!.catchAll!.run({ data: 1 } as ActiveJob, RUN)).resolves.toBe(1);
  await expect(web!.catchAll!.run({ data: 2 } as ActiveJob, RUN)).resolves.toBe(2);
});

it('a class that a decorator has put a proxy before has its parameters, and what stands before them', async () => {
  const proxied = (type: Type): any => new Proxy(type, {});
  @Processor('proxied')
  @proxied
  @UseGuards(Guard)
  class Proxied {
    @Process()
    handle(@JobData('n', ParseIntPipe) n: number): number {
      return n;
    }
  }
  const [definition] = await processors({ providers: [Proxied] });
  await expect(definition!.catchAll!.run(JOB, RUN)).resolves.toBe(5);
});

it('a method that is a property of the instance is called as it is', async () => {
  @Processor('property')
  class Property extends (WorkerHost as unknown as new () => object) {
    process = (job: ActiveJob): unknown => job.data;
  }
  const [definition] = await processors({ providers: [Property] });
  expect(definition!.catchAll!.run(JOB, RUN)).toEqual({ n: '5' });
});
