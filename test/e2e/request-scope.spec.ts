import {
  type CanActivate,
  type ExecutionContext,
  Inject,
  Injectable,
  Module,
  Scope,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import {
  type ContextId,
  ContextIdFactory,
  type ContextIdStrategy,
  type HostComponentInfo,
  ModuleRef,
  REQUEST,
} from '@nestjs/core';
import { map } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';
import {
  ActiveJob,
  CurrentJob,
  JOB_REF,
  JobData,
  OnWorkerEvent,
  Process,
  Processor,
  WorkerHost,
} from '../../lib/index.js';
import { testDatabase } from '../support/database.js';
import { aliveOf } from '../support/heap.js';
import { ended, newQueue, testApplications } from '../support/running.js';
import { until } from '../support/signals.js';

const database = testDatabase({ migrated: true });
const start = testApplications(database);

/** One for each job, wherever it is injected. */
@Injectable({ scope: Scope.REQUEST })
class PerJob {
  static made = 0;
  readonly number = ++PerJob.made;

  constructor(@Inject(JOB_REF) readonly job: ActiveJob) {}
}

@Injectable()
class Between {
  constructor(readonly perJob: PerJob) {}
}

describe('a request-scoped processor', () => {
  it('has an instance for each attempt of a job, which is given to it and to what it injects', async () => {
    const name = newQueue();
    const instances: unknown[] = [];
    @Processor({ name, scope: Scope.REQUEST })
    class Scoped {
      constructor(
        @Inject(JOB_REF) private readonly job: ActiveJob,
        private readonly perJob: PerJob,
        private readonly between: Between,
      ) {
        if (!(job instanceof ActiveJob)) throw new Error('made without a job');
      }

      @Process()
      handle(job: ActiveJob): unknown {
        instances.push(this);
        if (job.data === 'again' && job.attemptsMade === 0) throw new Error('again');
        return [this.job === job, this.perJob.job === job, this.between.perJob === this.perJob, job.data];
      }
    }
    const queue = (await start({ providers: [Scoped, PerJob, Between] })).queue(name);
    const jobs = [await queue.add('x', 'once'), await queue.add('x', 'again', { backoff: 0 })];
    const results = await Promise.all(jobs.map(async (job) => (await ended(queue, job)).returnvalue));
    expect(results).toEqual([
      [true, true, true, 'once'],
      [true, true, true, 'again'],
    ]);
    expect([instances.length, new Set(instances).size]).toEqual([3, 3]);
  });

  it('is one that only what it injects makes one, or what that injects, or a guard', async () => {
    const names = [newQueue(), newQueue(), newQueue()] as const;
    const made: string[] = [];
    @Processor(names[0])
    class ByDependency {
      constructor(private readonly perJob: PerJob) {
        made.push('dependency');
      }

      @Process()
      handle(job: ActiveJob): boolean {
        return this.perJob.job === job;
      }
    }
    @Processor(names[1])
    class ByTransitive extends WorkerHost {
      constructor(private readonly between: Between) {
        super();
        made.push('transitive');
      }

      async process(job: ActiveJob): Promise<boolean> {
        return this.between.perJob.job === job;
      }
    }
    @Injectable()
    class ScopedGuard implements CanActivate {
      constructor(private readonly perJob: PerJob) {}

      canActivate(context: ExecutionContext): boolean {
        return this.perJob.job === context.getArgByIndex(0);
      }
    }
    @Processor(names[2])
    class ByGuard {
      constructor() {
        made.push('guard');
      }

      @Process()
      @UseGuards(ScopedGuard)
      handle(): boolean {
        return true;
      }
    }
    const { queue } = await start({ providers: [ByDependency, ByTransitive, ByGuard, PerJob, Between] });
    // Nest has made one that only its guard makes request-scoped: it looked at what that injects later
    made.length = 0;
    for (const name of [...names, ...names]) {
      expect((await ended(queue(name), await queue(name).add('x', null, { attempts: 1 }))).returnvalue).toBe(true);
    }
    expect(made).toEqual(['dependency', 'transitive', 'guard', 'dependency', 'transitive', 'guard']);
  });

  it('has the scope of an @Injectable() on either side of @Processor()', async () => {
    const names = [newQueue(), newQueue()] as const;
    const made: string[] = [];
    @Processor(names[0])
    @Injectable({ scope: Scope.REQUEST })
    class Below {
      constructor() {
        made.push('below');
      }

      @Process()
      handle(): void {}
    }
    @Injectable({ scope: Scope.REQUEST })
    @Processor(names[1])
    class Above {
      constructor() {
        made.push('above');
      }

      @Process()
      handle(): void {}
    }
    const { queue } = await start({ providers: [Below, Above] });
    for (const name of [...names, ...names]) await ended(queue(name), await queue(name).add('x', null));
    expect(made).toEqual(['below', 'above', 'below', 'above']);
  });

  it('shares what is request-scoped with its guards, interceptors and pipes, and with who asks for it', async () => {
    const name = newQueue();
    const seen: unknown[] = [];
    @Injectable()
    class Guard implements CanActivate {
      constructor(private readonly perJob: PerJob) {}

      canActivate(): boolean {
        seen.push(this.perJob);
        return true;
      }
    }
    @Injectable({ scope: Scope.REQUEST })
    class Pipe {
      constructor(private readonly perJob: PerJob) {}

      transform(value: unknown): unknown {
        seen.push(this.perJob);
        return value;
      }
    }
    @Processor({ name, scope: Scope.REQUEST })
    @UseGuards(Guard)
    class Scoped {
      constructor(
        private readonly perJob: PerJob,
        private readonly modules: ModuleRef,
      ) {}

      @Process()
      @UseInterceptors({ intercept: (_context, next) => next.handle().pipe(map((n: number) => n * 2)) })
      async handle(@JobData('n', Pipe) n: number, @CurrentJob() job: ActiveJob): Promise<number> {
        seen.push(this.perJob, await this.modules.resolve(PerJob, ContextIdFactory.getByRequest(job)));
        return n;
      }
    }
    const queue = (await start({ providers: [Scoped, PerJob] })).queue(name);
    expect((await ended(queue, await queue.add('x', { n: 21 }))).returnvalue).toBe(42);
    expect([seen.length, new Set(seen).size]).toEqual([4, 1]);
  });

  it('fails the attempt when it cannot be made', async () => {
    const name = newQueue();
    let made = 0;
    @Processor({ name, scope: Scope.REQUEST })
    class Scoped {
      constructor() {
        if (++made === 1) throw new Error('not today');
      }

      @Process()
      handle(): number {
        return made;
      }
    }
    const queue = (await start({ providers: [Scoped] })).queue(name);
    const job = await ended(queue, await queue.add('x', null, { backoff: 0 }));
    expect([job.returnvalue, job.failedReason]).toEqual([2, 'not today']);
  });

  it('of a class that two modules provide is that of one of them, with what that module has', async () => {
    const name = newQueue();
    const instances: unknown[] = [];
    class Place {
      constructor(readonly is: string) {}
    }
    @Processor({ name, scope: Scope.REQUEST })
    class Scoped {
      constructor(private readonly place: Place) {}

      @Process()
      handle(): string {
        instances.push(this);
        return this.place.is;
      }
    }
    const modules = ['first', 'second'].map((is) => {
      @Module({ providers: [Scoped, { provide: Place, useValue: new Place(is) }] })
      class PlaceModule {}
      return PlaceModule;
    });
    const queue = (await start({ imports: modules })).queue(name);
    expect((await ended(queue, await queue.add('x', null))).returnvalue).toBe('first');
    expect(instances).toHaveLength(1);
  });

  it('hears of its job on the instance that runs it', async () => {
    const name = newQueue();
    const heard: [string, unknown][] = [];
    @Processor({ name, scope: Scope.REQUEST })
    class Scoped {
      constructor(@Inject(JOB_REF) private readonly job: ActiveJob) {}

      @Process()
      handle(job: ActiveJob): void {
        heard.push(['handle', this]);
        if (job.data === 'fail') throw new Error('failed');
      }

      @OnWorkerEvent('active')
      active(job: ActiveJob): void {
        if (job === this.job) heard.push(['active', this]);
      }

      @OnWorkerEvent('completed')
      completed(job: ActiveJob, result: unknown): void {
        if (job === this.job) heard.push([`completed ${String(result)}`, this]);
      }

      @OnWorkerEvent('failed')
      failed(job: ActiveJob, { message }: Error): void {
        if (job === this.job) heard.push([message, this]);
      }
    }
    const queue = (await start({ providers: [Scoped] })).queue(name);
    for (const data of ['complete', 'fail']) {
      heard.length = 0;
      await queue.add('x', data, { attempts: 1 });
      await until('all to be heard', () => heard.length === 3);
      expect(heard.map(([what]) => what).toSorted()).toEqual(
        [data === 'fail' ? 'failed' : 'completed null', 'active', 'handle'].toSorted(),
      );
      expect(new Set(heard.map(([, on]) => on)).size).toBe(1);
    }
  });
});

describe('a durable processor', () => {
  /** A sub-tree for each tenant. */
  class ByTenant implements ContextIdStrategy<ActiveJob<{ tenant: string }>> {
    readonly #tenants = new Map<string, ContextId>();

    attach(contextId: ContextId, { data }: ActiveJob<{ tenant: string }>): ReturnType<ContextIdStrategy['attach']> {
      const own = this.#tenants.get(data.tenant) ?? ContextIdFactory.create();
      this.#tenants.set(data.tenant, own);
      return {
        resolve: (info: HostComponentInfo) => (info.isTreeDurable ? own : contextId),
        payload: { tenant: data.tenant },
      };
    }
  }

  afterEach(() => {
    // none, as at the beginning
    ContextIdFactory.apply(undefined as unknown as ContextIdStrategy);
  });

  @Injectable({ scope: Scope.REQUEST, durable: true })
  class PerTenant {
    static made = 0;
    readonly number = ++PerTenant.made;

    constructor(@Inject(REQUEST) readonly request: { tenant: string }) {}
  }

  it('has an instance for each sub-tree that the application’s strategy makes, which gets the payload', async () => {
    ContextIdFactory.apply(new ByTenant());
    const name = newQueue();
    const made: unknown[] = [];
    @Processor({ name, scope: Scope.REQUEST, durable: true })
    class Durable {
      jobs = 0;

      constructor(
        @Inject(JOB_REF) private readonly payload: { tenant: string },
        private readonly perTenant: PerTenant,
      ) {
        made.push(payload);
      }

      @Process()
      @UseInterceptors({ intercept: (_context, next) => next.handle() })
      handle(job: ActiveJob): unknown {
        return [this.payload, this.perTenant.request, job.data.tenant, ++this.jobs];
      }
    }
    const queue = (await start({ providers: [Durable, PerTenant] })).queue(name);
    const results = [];
    for (const tenant of ['a', 'b', 'a']) {
      results.push((await ended(queue, await queue.add('x', { tenant }))).returnvalue);
    }
    expect(results).toEqual([
      [{ tenant: 'a' }, { tenant: 'a' }, 'a', 1],
      [{ tenant: 'b' }, { tenant: 'b' }, 'b', 1],
      [{ tenant: 'a' }, { tenant: 'a' }, 'a', 2],
    ]);
    expect(made).toEqual([{ tenant: 'a' }, { tenant: 'b' }]);
  });

  it('may be injected, as a part, into one that is made for each job and gets that', async () => {
    ContextIdFactory.apply(new ByTenant());
    const name = newQueue();
    @Processor({ name, scope: Scope.REQUEST })
    class Scoped {
      constructor(
        @Inject(JOB_REF) private readonly job: unknown,
        private readonly perTenant: PerTenant,
      ) {}

      @Process()
      handle(job: ActiveJob): unknown {
        return [this.job === job, this.perTenant.number];
      }
    }
    const before = PerTenant.made;
    const queue = (await start({ providers: [Scoped, PerTenant] })).queue(name);
    const results = [];
    for (const tenant of ['a', 'b', 'a']) {
      results.push((await ended(queue, await queue.add('x', { tenant }))).returnvalue);
    }
    expect(results).toEqual([
      [true, before + 1],
      [true, before + 2],
      [true, before + 1],
    ]);
  });

  it('is request-scoped when there is no strategy', async () => {
    const name = newQueue();
    let made = 0;
    @Processor({ name, scope: Scope.REQUEST, durable: true })
    class Durable {
      constructor(@Inject(JOB_REF) private readonly job: ActiveJob) {
        made++;
      }

      @Process()
      handle(job: ActiveJob): boolean {
        return this.job === job;
      }
    }
    const queue = (await start({ providers: [Durable] })).queue(name);
    for (const n of [1, 2]) expect((await ended(queue, await queue.add('x', n))).returnvalue).toBe(true);
    expect(made).toBe(2);
  });
});

describe('contexts', () => {
  it('are released: of 20,000 jobs nothing is left', async () => {
    const name = newQueue();
    const jobs = 20_000;
    const parts: WeakRef<object>[] = [];
    const keep = (part: object): void => void parts.push(new WeakRef(part));
    let ran = 0;
    @Injectable({ scope: Scope.REQUEST })
    class Part {
      constructor(@Inject(JOB_REF) job: ActiveJob) {
        keep(this);
        keep(job);
      }
    }
    @Injectable({ scope: Scope.REQUEST })
    class ScopedGuard implements CanActivate {
      constructor() {
        keep(this);
      }

      canActivate(): boolean {
        return true;
      }
    }
    @Processor({ name, scope: Scope.REQUEST }, { concurrency: 50 })
    @UseGuards(ScopedGuard)
    class Scoped {
      constructor(readonly part: Part) {
        keep(this);
      }

      @Process()
      handle(@JobData() _data: unknown): void {
        ran++;
      }
    }
    const queue = (await start({ providers: [Scoped, Part] })).queue(name);
    for (let added = 0; added < jobs; added += 5_000) {
      await queue.addBulk(Array.from({ length: 5_000 }, (_, n) => ({ name: 'x', data: n })));
    }
    await until('all to run', () => ran === jobs, 60_000);
    await until('all to be completed', async () => (await queue.getJobCounts('active', 'waiting')).active === 0);
    expect(parts).toHaveLength(4 * jobs);
    // what was written last may still be in some buffer
    await until('them to be released', () => aliveOf(parts) < 100, 10_000);
  }, 120_000);
});
