import { describe, expect, it } from 'vitest';
import type { ActiveJob, JobCounts } from '../../lib/index.js';
import { testDatabase } from '../support/database.js';
import { ended, inState, newQueue, processor, testApplications } from '../support/running.js';
import { aWhile, deferred } from '../support/signals.js';

const database = testDatabase();
const start = testApplications(database);

async function databaseNow(): Promise<number> {
  const { rows } = await database.client.query<{ ms: number }>(
    `select (extract(epoch from clock_timestamp()) * 1000)::float8 as ms`,
  );
  return rows[0]!.ms;
}

describe('a job', () => {
  it('goes from waiting through active to completed, and getJob shows it', async () => {
    const name = newQueue();
    const [began, gate] = [deferred<ActiveJob>(), deferred()];
    const producer = await start();
    const job = await producer.queue(name).add('report', { n: 1 }, { timeout: '1m' });
    expect(await job.getState()).toBe('waiting');
    const handler = processor(name, async (active) => {
      began.resolve(active);
      await gate.promise;
      return { pages: 3 };
    });
    const queue = (await start({ providers: [handler] })).queue(name);
    const active = await began.promise;
    expect(await job.getState()).toBe('active');
    expect([active.id, active.attemptsStarted, active.attemptsMade]).toEqual([job.id, 1, 0]);
    expect([active.returnvalue, active.finishedOn]).toEqual([null, undefined]);
    gate.resolve();
    const done = await ended(queue, job);
    expect(done).toMatchObject({ id: job.id, name: 'report', data: { n: 1 }, returnvalue: { pages: 3 } });
    expect(done).toMatchObject({ attemptsStarted: 1, attemptsMade: 0, failedReason: null, stacktrace: [] });
    expect(done.opts).toEqual({ attempts: 4, priority: 0, timeout: 60_000 });
    expect(await job.getState()).toBe('completed');
    // what was added is a snapshot
    expect(job.returnvalue).toBeNull();
  });

  it('has its times from the database’s clock, in order', async () => {
    const name = newQueue();
    const begun: number[] = [];
    const handler = processor(name, async (job) => {
      begun.push(job.processedOn!);
      await aWhile(30);
    });
    const queue = (await start({ providers: [handler] })).queue(name);
    const before = await databaseNow();
    const realNow = Date.now;
    // this process's clock is a day off
    Date.now = () => realNow() + 86_400_000;
    try {
      const added = await queue.add('job', null);
      const job = await ended(queue, added);
      const after = await databaseNow();
      const times = [before, job.timestamp, job.processedOn!, job.finishedOn!, after].map(Math.floor);
      expect(times).toEqual(times.toSorted((a, b) => a - b));
      expect(added.timestamp).toBe(job.timestamp);
      // estimated in the process, from what the claim said
      expect(Math.abs(begun[0]! - job.processedOn!)).toBeLessThan(3_600_000);
    } finally {
      Date.now = realNow;
    }
  });

  it('keeps the error of every attempt, the oldest first, and says why it died', async () => {
    const name = newQueue();
    const seen: [number, number, number][] = [];
    const handler = processor(
      name,
      (job) => {
        seen.push([job.attemptsStarted, job.attemptsMade, job.stacktrace.length]);
        throw new Error(`attempt ${job.attemptsStarted}`);
      },
      { backoff: 1 },
    );
    const queue = (await start({ providers: [handler] })).queue(name);
    const job = await ended(queue, await queue.add('job', null, { attempts: 3 }));
    expect(seen).toEqual([
      [1, 0, 0],
      [2, 1, 1],
      [3, 2, 2],
    ]);
    expect(await job.getState()).toBe('failed');
    expect(job).toMatchObject({ attemptsStarted: 3, attemptsMade: 3, failedReason: 'attempt 3', returnvalue: null });
    expect(job.stacktrace).toHaveLength(3);
    for (const [i, stack] of job.stacktrace.entries()) {
      expect(stack).toContain(`Error: attempt ${i + 1}`);
      expect(stack).toContain('job-states.spec.ts');
    }
    expect(job.finishedOn).toBeGreaterThanOrEqual(job.processedOn!);
  });

  it('that nobody knows is undefined to getJob, and unknown', async () => {
    const queue = (await start()).queue(newQueue());
    expect(await queue.getJob('no-such-id')).toBeUndefined();
    expect(await queue.getJob('123456789012')).toBeUndefined();
    const job = await queue.add('job', null);
    await job.remove();
    expect(await job.getState()).toBe('unknown');
    expect(await queue.getJob(job.id)).toBeUndefined();
  });
});

function ids(list: readonly { id: string }[]): string[] {
  return list.map(({ id }) => id);
}

describe('a queue with a job in each state', () => {
  it('counts them, lists them, and lists ranges of them in order', async () => {
    const name = newQueue();
    const gate = deferred();
    const handler = processor(
      name,
      (job) => {
        if (job.data === 'fails') throw new Error('no');
        return job.data === 'blocks' ? gate.promise : undefined;
      },
      {},
      'handled',
    );
    const { queue: of, jobs } = await start({ providers: [handler] });
    const queue = of(name);
    const failed = await queue.add('handled', 'fails', { attempts: 1 });
    const completed = [await queue.add('handled', 1), await queue.add('handled', 2), await queue.add('handled', 3)];
    for (const job of [failed, ...completed]) await ended(queue, job);
    const active = await queue.add('handled', 'blocks');
    await inState(queue, active, 'active');
    const delayed = await queue.add('handled', 'later', { delay: '1h' });
    // nobody handles this name
    const waiting = [await queue.add('other', 1), await queue.add('other', 2)];

    const counts: JobCounts = await queue.getJobCounts();
    expect(counts).toEqual({ waiting: 2, delayed: 1, active: 1, completed: 3, failed: 1, estimated: [] });
    expect(await queue.getJobCounts('failed', 'delayed')).toEqual({ failed: 1, delayed: 1, estimated: [] });

    expect(ids(await queue.getJobs('failed'))).toEqual([failed.id]);
    expect(ids(await queue.getJobs('active'))).toEqual([active.id]);
    expect(ids(await queue.getJobs('delayed'))).toEqual([delayed.id]);
    expect(ids(await queue.getJobs('waiting', 0, -1, true))).toEqual(ids(waiting));
    expect(ids(await queue.getJobs('completed'))).toEqual(ids(completed).toReversed());
    expect(ids(await queue.getJobs('completed', 0, -1, true))).toEqual(ids(completed));
    expect(ids(await queue.getJobs('completed', 1, 1, true))).toEqual([completed[1]!.id]);
    expect(ids(await queue.getJobs(['failed', 'delayed']))).toEqual([failed.id, delayed.id]);
    expect(ids(await queue.getJobs()).toSorted()).toEqual(
      ids([failed, ...completed, active, delayed, ...waiting]).toSorted(),
    );
    expect(await jobs.getQueues()).toContain(name);
    await expect(queue.getJobs('done' as never)).rejects.toThrow(/'done'/);
    gate.resolve();
  });
});
