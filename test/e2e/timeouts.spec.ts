import { describe, expect, it } from 'vitest';
import { JobTimeoutError } from '../../lib/index.js';
import { testDatabase } from '../support/database.js';
import { ended, newQueue, processor, testApplications } from '../support/running.js';
import { aWhile, deferred } from '../support/signals.js';

const database = testDatabase();
const start = testApplications(database);

describe('a handler with a timeout', () => {
  it('that never returns fails, its signal says why, and its place is free', async () => {
    const name = newQueue();
    const reasons: unknown[] = [];
    const handler = processor(
      name,
      async (job) => {
        if (job.name === 'quick') return 'ran';
        job.signal.addEventListener('abort', () => reasons.push(job.signal.reason));
        return new Promise(() => undefined);
      },
      { concurrency: 1 },
    );
    const queue = (await start({ providers: [handler] })).queue(name);
    const stuck = await queue.add('stuck', null, { timeout: 50, attempts: 1 });
    const quick = await queue.add('quick', null);
    expect((await ended(queue, quick)).returnvalue).toBe('ran');
    const job = await ended(queue, stuck);
    expect(await job.getState()).toBe('failed');
    expect(job.failedReason).toContain('50 ms');
    expect(reasons).toHaveLength(1);
    expect(reasons[0]).toBeInstanceOf(JobTimeoutError);
  });

  it.each(['returns', 'rejects'])('that %s after it: the late end is ignored', async (late) => {
    const name = newQueue();
    const gate = deferred();
    const unhandled: unknown[] = [];
    const onUnhandled = (error: unknown): void => void unhandled.push(error);
    process.on('unhandledRejection', onUnhandled);
    try {
      const left = deferred();
      const handler = processor(name, async () => {
        await gate.promise;
        setImmediate(() => left.resolve());
        if (late === 'rejects') throw new Error('too late');
        return 'too late';
      });
      const queue = (await start({ providers: [handler] })).queue(name);
      const job = await ended(queue, await queue.add('job', null, { timeout: 20, attempts: 1 }));
      gate.resolve();
      await left.promise;
      await aWhile(50);
      const now = (await queue.getJob(job.id))!;
      expect(await now.getState()).toBe('failed');
      expect([now.returnvalue, now.stacktrace.length]).toEqual([null, 1]);
      expect(unhandled).toEqual([]);
    } finally {
      process.off('unhandledRejection', onUnhandled);
    }
  });

  it('takes the job’s own timeout before the one of @Process()', async () => {
    const name = newQueue();
    const handler = processor(name, () => new Promise((resolve) => setTimeout(resolve, 60, 'done')), undefined, {
      timeout: 10,
    });
    const queue = (await start({ providers: [handler] })).queue(name);
    const [short, long] = await Promise.all([
      queue.add('job', null, { attempts: 1 }),
      queue.add('job', null, { attempts: 1, timeout: '1m' }),
    ]);
    expect((await ended(queue, long)).returnvalue).toBe('done');
    expect((await ended(queue, short)).failedReason).toContain('10 ms');
  });

  it('is retried as any other failure', async () => {
    const name = newQueue();
    const handler = processor(name, (job) => (job.attemptsStarted === 1 ? new Promise(() => undefined) : 'second'));
    const queue = (await start({ providers: [handler] })).queue(name);
    const job = await ended(queue, await queue.add('job', null, { timeout: 30, backoff: 1 }));
    expect([job.returnvalue, job.attemptsMade]).toEqual(['second', 1]);
  });
});
