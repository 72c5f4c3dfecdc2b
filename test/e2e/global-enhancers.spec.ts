import {
  type CallHandler,
  type CanActivate,
  Catch,
  type ExceptionFilter,
  type ExecutionContext,
  Inject,
  Injectable,
  Module,
  type NestInterceptor,
  ParseIntPipe,
  type PipeTransform,
  type Provider,
  Scope,
  UseInterceptors,
} from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR, APP_PIPE, NestFactory } from '@nestjs/core';
import { map, type Observable } from 'rxjs';
import { describe, expect, it } from 'vitest';
import {
  type ActiveJob,
  isPgQueueContext,
  JOB_REF,
  JobData,
  PgQueueModule,
  Process,
  Processor,
  QueueService,
} from '../../lib/index.js';
import { testDatabase } from '../support/database.js';
import { ended, newQueue, testApplications } from '../support/running.js';

const database = testDatabase({ migrated: true });
const start = testApplications(database);

const seen: unknown[] = [];

class Seen implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    seen.push(`guard ${isPgQueueContext(context)}`);
    return true;
  }
}
class Twice implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(map((n) => (typeof n === 'number' ? n * 2 : n)));
  }
}
@Catch(RangeError)
class Ranges implements ExceptionFilter<RangeError> {
  catch({ message }: RangeError): string {
    return `caught ${message}`;
  }
}
const GLOBAL: Provider[] = [
  { provide: APP_GUARD, useClass: Seen },
  { provide: APP_INTERCEPTOR, useClass: Twice },
  { provide: APP_PIPE, useClass: ParseIntPipe },
  { provide: APP_FILTER, useClass: Ranges },
];

function processorOf(queueName: string): new () => object {
  @Processor(queueName)
  class Handlers {
    @Process('plain')
    plain(): number {
      return 1;
    }

    @Process('data')
    data(@JobData() n: unknown): unknown {
      return n;
    }

    @Process('fails')
    fails(): void {
      throw new RangeError('it');
    }
  }
  return Handlers;
}

describe('the global guards, interceptors, pipes and filters of the application', () => {
  it('do not stand before handlers', async () => {
    seen.length = 0;
    const name = newQueue();
    const queue = (await start({ providers: [processorOf(name), ...GLOBAL] })).queue(name);
    expect((await ended(queue, await queue.add('plain', null))).returnvalue).toBe(1);
    expect((await ended(queue, await queue.add('data', '7'))).returnvalue).toBe('7');
    const failed = await ended(queue, await queue.add('fails', null, { attempts: 1 }));
    expect(await failed.getState()).toBe('failed');
    expect(seen).toEqual([]);
  });

  it('do with inheritAppConfig: true, and know that it is a job', async () => {
    seen.length = 0;
    const name = newQueue();
    const providers = [processorOf(name), ...GLOBAL];
    const queue = (await start({ providers, options: { inheritAppConfig: true } })).queue(name);
    expect((await ended(queue, await queue.add('plain', null))).returnvalue).toBe(2);
    expect((await ended(queue, await queue.add('data', '7'))).returnvalue).toBe(14);
    expect((await ended(queue, await queue.add('fails', null, { attempts: 1 }))).returnvalue).toBe('caught it');
    expect(seen).toEqual(['guard true', 'guard true', 'guard true']);
  });

  it('do with it when useGlobal…() named them, around those of the class', async () => {
    seen.length = 0;
    const name = newQueue();
    @Processor(name)
    @UseInterceptors({ intercept: (_context, next) => next.handle().pipe(map((n: number) => n + 1)) })
    class PlusOne {
      @Process()
      handle(): number {
        return 1;
      }
    }
    const options = {
      connection: database.url,
      schema: database.schema,
      logger: false,
      inheritAppConfig: true,
    } as const;
    @Module({ imports: [PgQueueModule.forRoot(options)], providers: [PlusOne] })
    class AppModule {}
    const app = await NestFactory.create(AppModule, { logger: false, abortOnError: false });
    app.useGlobalGuards(new Seen());
    app.useGlobalInterceptors(new Twice());
    try {
      await app.init();
      const queue = app.get(QueueService).queue(name);
      expect((await ended(queue, await queue.add('x', null))).returnvalue).toBe(4);
      expect(seen).toEqual(['guard true']);
    } finally {
      await app.close();
    }
  });

  it.each([Scope.REQUEST, Scope.TRANSIENT])('are made for each job when their scope is %d', async (scope) => {
    const name = newQueue();
    const made: { guard: object; job: string }[] = [];
    class Dependency {
      readonly is = 'injected';
    }
    @Injectable({ scope })
    class PerJob implements CanActivate {
      constructor(private readonly dependency: Dependency) {}

      canActivate(context: ExecutionContext): boolean {
        const { id } = context.getArgByIndex<ActiveJob>(0);
        made.push({ guard: this, job: id });
        return this.dependency.is === 'injected';
      }
    }
    @Injectable({ scope })
    class PerJobPipe implements PipeTransform {
      constructor(private readonly dependency: Dependency) {}

      transform(value: unknown): string {
        return `${this.dependency.is} ${String(value)}`;
      }
    }
    @Processor(name)
    class Singleton {
      static made = 0;

      constructor() {
        Singleton.made++;
      }

      @Process()
      handle(@JobData() data: string): string {
        return data;
      }
    }
    const providers: Provider[] = [
      Singleton,
      Dependency,
      { provide: APP_GUARD, useClass: PerJob },
      { provide: APP_PIPE, useClass: PerJobPipe },
    ];
    const queue = (await start({ providers, options: { inheritAppConfig: true } })).queue(name);
    const jobs = [await queue.add('x', 1), await queue.add('x', 2)];
    const results = await Promise.all(jobs.map(async (job) => (await ended(queue, job)).returnvalue));
    expect(results).toEqual(['injected 1', 'injected 2']);
    expect(made.map(({ job }) => job).toSorted()).toEqual(jobs.map(({ id }) => id).toSorted());
    expect([new Set(made.map(({ guard }) => guard)).size, Singleton.made]).toEqual([2, 1]);
  });

  it('get the job they are made for', async () => {
    const name = newQueue();
    const got: unknown[] = [];
    @Injectable({ scope: Scope.REQUEST })
    class OfJob implements CanActivate {
      constructor(@Inject(JOB_REF) private readonly job: ActiveJob) {}

      canActivate(context: ExecutionContext): boolean {
        got.push(this.job === context.getArgByIndex(0), this.job.data);
        return true;
      }
    }
    const providers = [processorOf(name), { provide: APP_GUARD, useClass: OfJob }];
    const queue = (await start({ providers, options: { inheritAppConfig: true } })).queue(name);
    await ended(queue, await queue.add('plain', { n: 1 }));
    expect(got).toEqual([true, { n: 1 }]);
  });
});
