import {
  type ArgumentsHost,
  type CallHandler,
  type CanActivate,
  Catch,
  type ExceptionFilter,
  type ExecutionContext,
  ForbiddenException,
  Injectable,
  Logger,
  type NestInterceptor,
  Scope,
  SetMetadata,
  UseFilters,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { from, map, type Observable, of, tap, throwError } from 'rxjs';
import { describe, expect, it, vi } from 'vitest';
import {
  ActiveJob,
  DelayedError,
  isPgQueueContext,
  Process,
  Processor,
  UnrecoverableError,
  WorkerHost,
} from '../../lib/index.js';
import { testDatabase } from '../support/database.js';
import { ended, newQueue, testApplications } from '../support/running.js';

const database = testDatabase({ migrated: true });
const start = testApplications(database);

/** One attempt more, at once. */
const TWICE = { attempts: 2, backoff: { type: 'fixed', delay: 0 } } as const;

class Audit {
  readonly seen: string[] = [];
}

/** Notes before and after, by the name it is given. */
function noting(name: string): new (audit: Audit) => NestInterceptor {
  @Injectable()
  class Noting implements NestInterceptor {
    constructor(private readonly audit: Audit) {}

    intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
      this.audit.seen.push(`${name} before`);
      return next.handle().pipe(tap((result) => this.audit.seen.push(`${name} after ${String(result)}`)));
    }
  }
  return Noting;
}

describe('what stands before a handler', () => {
  it('runs in the order that Nest has: guards, then interceptors around it; those of the class first', async () => {
    const queueName = newQueue();
    const guard = (name: string): CanActivate => ({ canActivate: () => audit.seen.push(name) > 0 });
    const audit = new Audit();
    @Processor(queueName)
    @UseGuards(guard('class guard'))
    @UseInterceptors(noting('class'))
    class Guarded {
      @Process('both')
      @UseGuards(guard('method guard'))
      @UseInterceptors(noting('method'))
      both(job: ActiveJob): string {
        audit.seen.push(`handler ${job instanceof ActiveJob}`);
        return 'done';
      }

      @Process('one')
      one(): number {
        return 1;
      }
    }
    const queue = (await start({ providers: [Guarded, { provide: Audit, useValue: audit }] })).queue(queueName);
    const job = await ended(queue, await queue.add('both', null));
    expect(job.returnvalue).toBe('done');
    expect(audit.seen).toEqual([
      'class guard',
      'method guard',
      'class before',
      'method before',
      'handler true',
      'method after done',
      'class after done',
    ]);
    audit.seen.length = 0;
    expect((await ended(queue, await queue.add('one', null))).returnvalue).toBe(1);
    expect(audit.seen).toEqual(['class guard', 'class before', 'class after 1']);
  });

  it('knows the job, the class and the method, and that it is a job', async () => {
    const queueName = newQueue();
    const seen: unknown[] = [];
    @Injectable()
    class RolesGuard implements CanActivate {
      constructor(private readonly reflector: Reflector) {}

      canActivate(context: ExecutionContext): boolean {
        const [job] = context.getArgs();
        seen.push(
          context.getType(),
          isPgQueueContext(context),
          context.getArgs().length,
          job instanceof ActiveJob && job.data,
          context.getClass().name,
          context.getHandler().name,
          this.reflector.get('roles', context.getHandler()),
          this.reflector.get('roles', context.getClass()),
        );
        return true;
      }
    }
    @Processor(queueName)
    @SetMetadata('roles', 'all')
    @UseGuards(RolesGuard)
    class Guarded {
      @Process()
      @SetMetadata('roles', 'few')
      handle(): void {}
    }
    const queue = (await start({ providers: [Guarded] })).queue(queueName);
    await ended(queue, await queue.add('x', { n: 1 }));
    expect(seen).toEqual(['pg-queue', true, 1, { n: 1 }, 'Guarded', 'handle', 'few', 'all']);
  });
});

describe('a guard that refuses', () => {
  it('fails the attempt, which is retried as any other; the handler does not run', async () => {
    const queueName = newQueue();
    let asked = 0;
    const ran: number[] = [];
    @Processor(queueName)
    class Guarded {
      @Process()
      @UseGuards({ canActivate: () => ++asked > 1 })
      handle(job: ActiveJob): void {
        ran.push(job.attemptsStarted);
      }
    }
    const queue = (await start({ providers: [Guarded] })).queue(queueName);
    const job = await ended(queue, await queue.add('x', null, TWICE));
    expect(await job.getState()).toBe('completed');
    expect(job.stacktrace).toEqual([expect.stringContaining('ForbiddenException: Forbidden resource')]);
    expect(ran).toEqual([2]);
  });

  it('with an UnrecoverableError ends the job', async () => {
    const queueName = newQueue();
    @Processor(queueName)
    class Guarded {
      @Process()
      @UseGuards({
        canActivate(): boolean {
          throw new UnrecoverableError('not this tenant');
        },
      })
      handle(): void {}
    }
    const queue = (await start({ providers: [Guarded] })).queue(queueName);
    const job = await ended(queue, await queue.add('x', null));
    expect([await job.getState(), job.failedReason, job.attemptsStarted]).toEqual(['failed', 'not this tenant', 1]);
  });
});

describe('an interceptor', () => {
  it('may change the result, or give one in place of the handler', async () => {
    const queueName = newQueue();
    const ran: string[] = [];
    @Processor(queueName)
    class Intercepted {
      @Process('changed')
      @UseInterceptors({ intercept: (_context, next) => next.handle().pipe(map((n: number) => n * 2)) })
      changed(): number {
        ran.push('changed');
        return 21;
      }

      @Process('cached')
      @UseInterceptors({ intercept: () => of('from the cache') })
      cached(): string {
        ran.push('cached');
        return 'made';
      }

      @Process('observable')
      @UseInterceptors({ intercept: (_context, next) => next.handle() })
      observable(): Observable<number> {
        return from([1, 2, 3]);
      }
    }
    const queue = (await start({ providers: [Intercepted] })).queue(queueName);
    const names = ['changed', 'cached', 'observable'];
    const added = await queue.addBulk(names.map((name) => ({ name, data: null })));
    const results = await Promise.all(added.map(async (job) => (await ended(queue, job)).returnvalue));
    expect(results).toEqual([42, 'from the cache', 3]);
    expect(ran).toEqual(['changed']);
  });

  it('sees the errors of the handler, whose class says what follows from them: DelayedError, UnrecoverableError', async () => {
    const queueName = newQueue();
    const seen: unknown[] = [];
    let delayed = false;
    @Processor(queueName)
    @UseInterceptors({
      intercept: (_context, next) => next.handle().pipe(tap({ error: (error: unknown) => seen.push(error) })),
    })
    class Failing {
      @Process('later')
      later(job: ActiveJob): number {
        if (!delayed) {
          delayed = true;
          throw new DelayedError(0);
        }
        return job.attemptsStarted;
      }

      @Process('dead')
      async dead(): Promise<void> {
        throw new UnrecoverableError('for good');
      }
    }
    const queue = (await start({ providers: [Failing] })).queue(queueName);
    expect((await ended(queue, await queue.add('later', null))).returnvalue).toBe(1);
    const dead = await ended(queue, await queue.add('dead', null));
    expect([await dead.getState(), dead.failedReason, dead.attemptsStarted]).toEqual(['failed', 'for good', 1]);
    expect(seen).toEqual([expect.any(DelayedError), expect.any(UnrecoverableError)]);
  });
});

class Odd extends Error {}

describe('an exception filter', () => {
  /** A processor whose one handler throws, with a filter that does this. */
  async function filtered(catches: ExceptionFilter['catch'], thrown: unknown = new Odd('odd')): Promise<unknown[]> {
    const queueName = newQueue();
    @Catch(Odd)
    class OddFilter implements ExceptionFilter {
      catch(exception: unknown, host: ArgumentsHost): unknown {
        return catches.call(this, exception, host);
      }
    }
    @Processor(queueName)
    class Failing {
      @Process()
      @UseFilters(OddFilter)
      handle(): void {
        throw thrown;
      }
    }
    const queue = (await start({ providers: [Failing] })).queue(queueName);
    const job = await ended(queue, await queue.add('x', null, TWICE));
    return [await job.getState(), job.returnvalue, job.attemptsMade, job.failedReason];
  }

  it.each<[string, ExceptionFilter['catch']]>([
    ['a value', () => 'made good'],
    ['a promise', async () => 'made good'],
    ['an Observable', () => of('made good')],
  ])('that returns %s completes the job with it', async (_what, catches) => {
    expect(await filtered(catches)).toEqual(['completed', 'made good', 0, null]);
  });

  it('that returns null has done so, too: it completes without a result', async () => {
    expect(await filtered(() => null)).toEqual(['completed', null, 0, null]);
  });

  it.each<[string, ExceptionFilter['catch']]>([
    ['nothing', () => undefined],
    ['a promise of nothing', async () => undefined],
    ['an empty Observable', () => from([])],
  ])('that returns %s lets the error go on, and the attempt fails with it', async (_what, catches) => {
    expect(await filtered(catches)).toEqual(['failed', null, 2, 'odd']);
  });

  it('that throws says what the attempt fails with', async () => {
    const dead = (): never => {
      throw new UnrecoverableError('too odd');
    };
    expect(await filtered(dead)).toEqual(['failed', null, 1, 'too odd']);
    const answer = (): Observable<never> => throwError(() => new UnrecoverableError('too odd'));
    expect(await filtered(answer)).toEqual(['failed', null, 1, 'too odd']);
  });

  it('is left alone by what it does not catch', async () => {
    const catches = vi.fn<ExceptionFilter['catch']>(() => 'made good');
    expect(await filtered(catches, new Error('even'))).toEqual(['failed', null, 2, 'even']);
    expect(catches).not.toHaveBeenCalled();
  });

  it('knows the job, and sees what guards, interceptors and pipes throw as well', async () => {
    const queueName = newQueue();
    const seen: unknown[] = [];
    @Catch()
    class Everything implements ExceptionFilter {
      catch(exception: unknown, host: ArgumentsHost): string {
        seen.push(exception, host.getType(), isPgQueueContext(host), host.getArgByIndex<ActiveJob>(0).name);
        return 'seen';
      }
    }
    @Processor(queueName)
    @UseFilters(Everything)
    class Guarded {
      @Process()
      @UseGuards({ canActivate: () => false })
      handle(): void {}
    }
    const queue = (await start({ providers: [Guarded] })).queue(queueName);
    expect((await ended(queue, await queue.add('x', null))).returnvalue).toBe('seen');
    expect(seen).toEqual([expect.any(ForbiddenException), 'pg-queue', true, 'x']);
  });

  it('of the method is asked before that of the class', async () => {
    const queueName = newQueue();
    const filter = (says: string): ExceptionFilter => ({ catch: () => says });
    @Processor(queueName)
    @UseFilters(filter('class'))
    class Failing {
      @Process('x')
      @UseFilters(filter('method'))
      x(): void {
        throw new Error('x');
      }

      @Process('y')
      y(): void {
        throw new Error('y');
      }
    }
    const queue = (await start({ providers: [Failing] })).queue(queueName);
    expect((await ended(queue, await queue.add('x', null))).returnvalue).toBe('method');
    expect((await ended(queue, await queue.add('y', null))).returnvalue).toBe('class');
  });

  it('leaves the log to the module: Nest does not log each error', async () => {
    const logged = vi.spyOn(Logger.prototype, 'error');
    try {
      expect(await filtered(() => undefined)).toContain('failed');
      expect(logged).not.toHaveBeenCalled();
    } finally {
      logged.mockRestore();
    }
  });
});

describe('guards, interceptors and filters', () => {
  it('stand before process() of a WorkerHost', async () => {
    const queueName = newQueue();
    const audit = new Audit();
    @Processor(queueName)
    @UseInterceptors(noting('class'))
    class Host extends WorkerHost {
      @UseInterceptors(noting('method'))
      @UseFilters({ catch: (error: Error) => `caught ${error.message}` })
      async process(job: ActiveJob): Promise<string> {
        if (job.data === null) throw new Error('no data');
        return 'processed';
      }
    }
    const queue = (await start({ providers: [Host, { provide: Audit, useValue: audit }] })).queue(queueName);
    expect((await ended(queue, await queue.add('x', 1))).returnvalue).toBe('processed');
    expect(audit.seen).toEqual(['class before', 'method before', 'method after processed', 'class after processed']);
    expect((await ended(queue, await queue.add('x', null))).returnvalue).toBe('caught no data');
  });

  it('are inherited, with the methods and the class that have them', async () => {
    const queueName = newQueue();
    const audit = new Audit();
    @UseInterceptors(noting('parent'))
    abstract class Parent {
      @Process()
      @UseInterceptors(noting('method'))
      handle(): string {
        return this.constructor.name;
      }
    }
    @Processor(queueName)
    class Child extends Parent {}
    const queue = (await start({ providers: [Child, { provide: Audit, useValue: audit }] })).queue(queueName);
    expect((await ended(queue, await queue.add('x', null))).returnvalue).toBe('Child');
    expect(audit.seen).toEqual(['parent before', 'method before', 'method after Child', 'parent after Child']);
  });

  it('may be transient: each processor has its own', async () => {
    const seen: object[] = [];
    @Injectable({ scope: Scope.TRANSIENT })
    class Mine implements CanActivate {
      private readonly made = true;

      canActivate(): boolean {
        seen.push(this);
        return this.made;
      }
    }
    const processors = [newQueue(), newQueue()].map((name) => {
      @Processor(name)
      @UseGuards(Mine)
      class Guarded {
        @Process()
        handle(): string {
          return name;
        }
      }
      return { name, Guarded };
    });
    const { queue } = await start({ providers: processors.map(({ Guarded }) => Guarded) });
    for (const { name } of [...processors, ...processors]) {
      expect((await ended(queue(name), await queue(name).add('x', null))).returnvalue).toBe(name);
    }
    expect([seen[0] === seen[2], seen[1] === seen[3], new Set(seen).size]).toEqual([true, true, 2]);
  });

  it('are made for a provider under another token, too; an instance of one is enough for a factory', async () => {
    const audit = new Audit();
    const provided = [newQueue(), newQueue()].map((name, i) => {
      @Processor(name)
      @UseInterceptors(i === 0 ? noting('class') : new (noting('instance'))(audit))
      class Noted {
        @Process()
        handle(): void {}
      }
      return i === 0 ? { provide: name, useClass: Noted } : { provide: name, useFactory: () => new Noted() };
    });
    const { queue } = await start({ providers: [...provided, { provide: Audit, useValue: audit }] });
    for (const { provide } of provided) await ended(queue(provide), await queue(provide).add('x', null));
    expect(audit.seen.filter((line) => line.includes('before'))).toEqual(['class before', 'instance before']);
  });
});
