import { Global, Injectable, Module, type OnModuleDestroy } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { ActiveJob, Process, Processor, QueueService } from '../../lib/index.js';
import { testDatabase } from '../support/database.js';
import { newQueue, testApplications } from '../support/running.js';
import { deferred } from '../support/signals.js';

const database = testDatabase();
const start = testApplications(database);

describe('while it closes', () => {
  it('a handler that drains adds jobs', async () => {
    const name = newQueue();
    const gate = deferred();
    const begun = deferred();
    @Processor(name)
    class Adding {
      constructor(private readonly jobs: QueueService) {}

      @Process('outer')
      async outer(): Promise<string> {
        begun.resolve();
        await gate.promise;
        return (await this.jobs.add(name, 'inner', 'added while draining')).id;
      }
    }
    const { app, queue } = await start({ providers: [Adding] });
    const outer = await queue(name).add('outer', null);
    await begun.promise;
    const closed = app.close();
    gate.resolve();
    await closed;
    const observer = (await start()).queue(name);
    const { returnvalue } = (await observer.getJob(outer.id))!;
    expect(await observer.getJob(returnvalue)).toMatchObject({ name: 'inner', data: 'added while draining' });
  });

  it('onModuleDestroy and beforeApplicationShutdown of other modules add jobs', async () => {
    const name = newQueue();
    @Injectable()
    class Leaving implements OnModuleDestroy {
      constructor(private readonly jobs: QueueService) {}

      async onModuleDestroy(): Promise<void> {
        await this.jobs.add(name, 'job', 'onModuleDestroy');
      }

      async beforeApplicationShutdown(): Promise<void> {
        await this.jobs.add(name, 'job', 'beforeApplicationShutdown');
      }
    }
    @Global()
    @Module({ providers: [Leaving] })
    class LeavingModule {}
    const { app } = await start({ imports: [LeavingModule] });
    await app.close();
    const observer = (await start()).queue(name);
    const data = (await observer.getJobs('waiting', 0, -1, true)).map((job) => job.data as unknown);
    expect(data).toEqual(['onModuleDestroy', 'beforeApplicationShutdown']);
  });

  it('a handler still has a provider of a global module with onModuleDestroy', async () => {
    const name = newQueue();
    const gate = deferred();
    const begun = deferred();
    @Injectable()
    class Database implements OnModuleDestroy {
      open = true;

      async onModuleDestroy(): Promise<void> {
        this.open = false;
      }
    }
    @Global()
    @Module({ providers: [Database], exports: [Database] })
    class DatabaseModule {}
    @Processor(name)
    class Using {
      constructor(private readonly db: Database) {}

      @Process()
      async run(_job: ActiveJob): Promise<boolean> {
        begun.resolve();
        await gate.promise;
        await new Promise((resolve) => setTimeout(resolve, 50));
        return this.db.open;
      }
    }
    const { app, queue } = await start({ imports: [DatabaseModule], providers: [Using] });
    const job = await queue(name).add('job', null);
    await begun.promise;
    const closed = app.close();
    gate.resolve();
    await closed;
    const observer = (await start()).queue(name);
    expect((await observer.getJob(job.id))!.returnvalue).toBe(true);
  });
});
