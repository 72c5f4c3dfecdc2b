import { describe, expect, it } from 'vitest';
import { type ActiveJob, DelayedError, UnrecoverableError } from '../../lib/index.js';
import { testDatabase } from '../support/database.js';
import { ended, inState, newQueue, processor, testApplications } from '../support/running.js';
import { deferred } from '../support/signals.js';

const database = testDatabase();
const start = testApplications(database);

describe('a failing job', () => {
  it('runs 4 times by default, after 1, 2 and 4 times the delay, and dies', async () => {
    const name = newQueue();
    const starts: number[] = [];
    const handler = processor(
      name,
      () => {
        starts.push(performance.now());
        throw new Error(`failure ${starts.length}`);
      },
      { backoff: { type: 'exponential', delay: 100 } },
    );
    const queue = (await start({ providers: [handler] })).queue(name);
    const job = await ended(queue, await queue.add('job', null));
    expect(starts).toHaveLength(4);
    const gaps = starts.slice(1).map((at, i) => at - starts[i]!);
    // a millisecond is lost where the database's clock and ours are read
    for (const [i, least] of [100, 200, 400].entries()) expect(gaps[i]).toBeGreaterThanOrEqual(least - 1);
    expect(await job.getState()).toBe('failed');
    expect(job.failedReason).toBe('failure 4');
    expect(job.attemptsMade).toBe(4);
  });

  it('waits a second before its first retry when nobody says how long', async () => {
    const name = newQueue();
    const starts: number[] = [];
    const retried = deferred();
    const handler = processor(name, () => {
      starts.push(performance.now());
      if (starts.length === 2) retried.resolve();
      else throw new Error('once');
    });
    const queue = (await start({ providers: [handler] })).queue(name);
    const job = await queue.add('job', null);
    await inState(queue, job, 'delayed');
    await retried.promise;
    expect(starts[1]! - starts[0]!).toBeGreaterThanOrEqual(999);
    const done = await ended(queue, job);
    expect(done).toMatchObject({ attemptsStarted: 2, attemptsMade: 1, failedReason: 'once' });
    expect(await done.getState()).toBe('completed');
  });

  it.each([1, 6])('with %i attempts runs that often', async (attempts) => {
    const name = newQueue();
    let runs = 0;
    const handler = processor(name, () => {
      runs++;
      throw new Error('no');
    });
    const queue = (await start({ providers: [handler] })).queue(name);
    const job = await ended(queue, await queue.add('job', null, { attempts, backoff: 1 }));
    expect(runs).toBe(attempts);
    expect(job.attemptsMade).toBe(attempts);
    expect(job.stacktrace).toHaveLength(attempts);
  });

  it('with backoff 0 runs again at once', async () => {
    const name = newQueue();
    const handler = processor(name, (job) => {
      if (job.attemptsStarted < 4) throw new Error('no');
      return job.attemptsStarted;
    });
    const queue = (await start({ providers: [handler] })).queue(name);
    expect((await ended(queue, await queue.add('job', null, { backoff: 0 }))).returnvalue).toBe(4);
  });

  it('that completes after a retry is never run again, by an application that is started anew either', async () => {
    const name = newQueue();
    let runs = 0;
    const handler = processor(name, () => {
      if (++runs === 1) throw new Error('no');
    });
    const first = await start({ providers: [handler] });
    const job = await first.queue(name).add('job', null, { backoff: 1 });
    await ended(first.queue(name), job);
    await first.app.close();
    const second = (await start({ providers: [handler] })).queue(name);
    // a job that is added later has run: whatever was there before would have
    await ended(second, await second.add('later', null));
    expect(runs).toBe(3);
    expect(await (await second.getJob(job.id))!.getState()).toBe('completed');
  });
});

describe('a handler that throws', () => {
  it('UnrecoverableError ends the job at once, whatever attempts remain', async () => {
    const name = newQueue();
    let runs = 0;
    const handler = processor(name, () => {
      runs++;
      throw new UnrecoverableError('no such customer');
    });
    const queue = (await start({ providers: [handler] })).queue(name);
    const job = await ended(queue, await queue.add('job', null, { attempts: 9, backoff: 0 }));
    expect(await job.getState()).toBe('failed');
    expect([runs, job.attemptsMade, job.failedReason]).toEqual([1, 1, 'no such customer']);
  });

  it('DelayedError runs it again after the delay, and is charged no attempt, ever so often', async () => {
    const name = newQueue();
    const starts: number[] = [];
    const handler = processor(name, (job: ActiveJob) => {
      starts.push(performance.now());
      if (starts.length <= 6) throw new DelayedError(50);
      return [job.attemptsStarted, job.attemptsMade];
    });
    const queue = (await start({ providers: [handler] })).queue(name);
    const job = await ended(queue, await queue.add('job', null, { attempts: 2 }));
    expect(starts).toHaveLength(7);
    for (const [i, at] of starts.slice(1).entries()) expect(at - starts[i]!).toBeGreaterThanOrEqual(49);
    expect(job.returnvalue).toEqual([1, 0]);
    expect(job.stacktrace).toEqual([]);
  });

  it('DelayedError shows the job as delayed meanwhile', async () => {
    const name = newQueue();
    const handler = processor(name, () => {
      throw new DelayedError('1h');
    });
    const queue = (await start({ providers: [handler] })).queue(name);
    const job = await queue.add('job', null);
    await inState(queue, job, 'delayed');
    expect(await queue.getJobCounts('delayed', 'active', 'failed')).toMatchObject({ delayed: 1, active: 0, failed: 0 });
  });
});
