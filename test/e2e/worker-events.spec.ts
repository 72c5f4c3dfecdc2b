import { describe, expect, it } from 'vitest';
import { type ActiveJob, type Job, OnWorkerEvent, Process, Processor } from '../../lib/index.js';
import { RecordingLogger } from '../support/application.js';
import { testDatabase } from '../support/database.js';
import { ended, testApplications } from '../support/running.js';
import { aWhile, until } from '../support/signals.js';

const database = testDatabase();
const start = testApplications(database);

describe('@OnWorkerEvent', () => {
  it('hears active before the handler, completed with the result once it is written, failed with each error', async () => {
    const heard: unknown[][] = [];
    @Processor('events', { backoff: 1 })
    class Events {
      @Process()
      run(job: ActiveJob): string {
        heard.push(['run', job.name]);
        if (job.name === 'bad') throw new Error(`no ${job.attemptsStarted}`);
        return 'result';
      }

      @OnWorkerEvent('active')
      active(job: Job): void {
        heard.push(['active', job.name]);
      }

      @OnWorkerEvent('completed')
      async completed(job: Job, result: unknown): Promise<void> {
        heard.push(['completed', job.name, result, await job.getState()]);
      }

      @OnWorkerEvent('failed')
      failed(job: Job, error: Error): void {
        heard.push(['failed', job.name, error.message]);
      }
    }
    const queue = (await start({ providers: [Events] })).queue('events');
    await ended(queue, await queue.add('good', null));
    await until('completed to be heard', () => heard.length === 3);
    expect(heard).toEqual([
      ['active', 'good'],
      ['run', 'good'],
      ['completed', 'good', 'result', 'completed'],
    ]);
    heard.length = 0;
    await ended(queue, await queue.add('bad', null, { attempts: 2 }));
    await until('both failures to be heard', () => heard.length === 6);
    expect(heard).toEqual([
      ['active', 'bad'],
      ['run', 'bad'],
      ['failed', 'bad', 'no 1'],
      ['active', 'bad'],
      ['run', 'bad'],
      ['failed', 'bad', 'no 2'],
    ]);
  });

  it('one that throws or rejects is logged, and harms neither the job nor the other listeners', async () => {
    const logger = new RecordingLogger();
    const heard: string[] = [];
    @Processor('throwing-listeners', { backoff: 1 })
    class ThrowingListeners {
      @Process()
      run(job: ActiveJob): string {
        if (job.name === 'bad') throw new Error('no');
        return 'fine';
      }

      @OnWorkerEvent('active')
      active(): void {
        throw new Error('active threw');
      }

      @OnWorkerEvent('active')
      activeToo(): void {
        throw Object.create(null);
      }

      @OnWorkerEvent('completed')
      async completed(): Promise<void> {
        throw new Error('completed rejected');
      }

      @OnWorkerEvent('failed')
      failed(): void {
        throw 'failed threw a string';
      }

      @OnWorkerEvent('completed')
      @OnWorkerEvent('failed')
      second(job: Job): void {
        heard.push(job.name);
      }
    }
    const queue = (await start({ providers: [ThrowingListeners], options: { logger } })).queue('throwing-listeners');
    const good = await ended(queue, await queue.add('good', null));
    expect(good.returnvalue).toBe('fine');
    const bad = await ended(queue, await queue.add('bad', null, { attempts: 1 }));
    expect(bad.failedReason).toBe('no');
    await until('the second listener', () => heard.length === 2);
    expect(heard).toEqual(['good', 'bad']);
    const said = logger.texts('error').join('\n');
    for (const what of ['active threw', 'completed rejected', 'failed threw a string']) expect(said).toContain(what);
  });

  it('hears an error of the worker itself, and the worker goes on when the trouble is over', async () => {
    const errors: Error[] = [];
    @Processor('worker-error', { pollInterval: 20 })
    class WorkerError {
      @Process()
      run(): void {}

      @OnWorkerEvent('error')
      error(error: Error): void {
        errors.push(error);
      }
    }
    const queue = (await start({ providers: [WorkerError] })).queue('worker-error');
    const claim = `${database.schema}.claim`;
    await database.client.query(`alter function ${claim} rename to claim_gone`);
    await until('the error to be heard', () => errors.length > 0);
    await database.client.query(`alter function ${claim}_gone rename to claim`);
    expect(errors[0]).toBeInstanceOf(Error);
    expect(errors[0]!.message).toContain('claim');
    await ended(queue, await queue.add('job', null));
  });

  it('hears nothing of the jobs of other processors', async () => {
    const heard: string[] = [];
    @Processor('two-processors')
    class One {
      @Process('one')
      run(): void {}

      @OnWorkerEvent('completed')
      completed(job: Job): void {
        heard.push(job.name);
      }
    }
    @Processor('two-processors')
    class Two {
      @Process('two')
      run(): void {}
    }
    const queue = (await start({ providers: [One, Two] })).queue('two-processors');
    await ended(queue, await queue.add('two', null));
    await ended(queue, await queue.add('one', null));
    await until('its own job', () => heard.includes('one'));
    await aWhile(20);
    expect(heard).toEqual(['one']);
  });
});
