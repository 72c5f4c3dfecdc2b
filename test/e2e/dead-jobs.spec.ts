import { describe, expect, it } from 'vitest';
import { type ActiveJob, DuplicateKeyError, type Job, JobStateError } from '../../lib/index.js';
import { testDatabase } from '../support/database.js';
import { ended, inState, newQueue, processor, type RunningApplication, testApplications } from '../support/running.js';

const database = testDatabase();
const start = testApplications(database);

/** A queue whose jobs fail until `mended`. */
async function failing(): Promise<{
  queue: ReturnType<RunningApplication['queue']>;
  runs: ActiveJob[];
  mend: () => void;
}> {
  const name = newQueue();
  const runs: ActiveJob[] = [];
  let mended = false;
  const handler = processor(name, (job) => {
    runs.push(job);
    if (!mended) throw new Error('not yet');
    return 'mended';
  });
  const { queue } = await start({ providers: [handler] });
  return {
    queue: queue(name),
    runs,
    mend: () => {
      mended = true;
    },
  };
}

describe('retry()', () => {
  it('brings a dead job back with fresh attempts, keeping its errors', async () => {
    const { queue, runs, mend } = await failing();
    const dead = await ended(queue, await queue.add('job', { n: 1 }, { attempts: 2, backoff: 1 }));
    expect(runs).toHaveLength(2);
    mend();
    await dead.retry();
    const done = await ended(queue, dead);
    expect(await done.getState()).toBe('completed');
    expect(done.returnvalue).toBe('mended');
    expect(runs).toHaveLength(3);
    expect([runs[2]!.attemptsStarted, runs[2]!.data, runs[2]!.stacktrace.length]).toEqual([1, { n: 1 }, 2]);
    expect(await queue.getJobs('failed')).toEqual([]);
  });

  it('gives it all of its attempts again', async () => {
    const { queue, runs } = await failing();
    const job = await ended(queue, await queue.add('job', null, { attempts: 2, backoff: 1 }));
    await job.retry();
    await ended(queue, job);
    expect(runs).toHaveLength(4);
    expect((await queue.getJob(job.id))!.stacktrace).toHaveLength(4);
  });

  it.each(['waiting', 'delayed', 'completed', 'unknown'] as const)('refuses a job that is %s', async (state) => {
    const name = newQueue();
    const { queue: of } = await start(state === 'completed' ? { providers: [processor(name, () => 1)] } : {});
    const queue = of(name);
    const job = await queue.add('job', null, state === 'delayed' ? { delay: '1h' } : {});
    if (state === 'completed') await ended(queue, job);
    if (state === 'unknown') await job.remove();
    await expect(job.retry()).rejects.toThrow(JobStateError);
    await expect(job.retry()).rejects.toMatchObject({ state, code: 'PGQUEUE_JOB_STATE' });
    expect(await job.getState()).toBe(state);
  });

  it('of a job whose unique key has gone to another living job is a DuplicateKeyError, and it stays dead', async () => {
    const { queue } = await failing();
    const first = await ended(queue, await queue.add('job', 1, { uniqueKey: 'k', attempts: 1 }));
    const second = await queue.add('job', 2, { uniqueKey: 'k', delay: '1h' });
    expect(second.deduplicated).toBe(false);
    await expect(first.retry()).rejects.toThrow(DuplicateKeyError);
    await expect(first.retry()).rejects.toMatchObject({ key: 'k' });
    expect(await first.getState()).toBe('failed');
    expect(await queue.retryJobs({ all: true })).toBe(0);
    await second.remove();
    await first.retry();
    await ended(queue, first);
  });
});

describe('retryJobs()', () => {
  it('brings back those with the ids, those that died before a time, or all', async () => {
    const { queue, runs, mend } = await failing();
    const added = await queue.addBulk([1, 2, 3, 4].map((data) => ({ name: 'job', data, opts: { attempts: 1 } })));
    const [one, two, three, four] = added as [Job, Job, Job, Job];
    for (const job of added) await ended(queue, job);
    mend();
    expect(await queue.retryJobs({ failedBefore: new Date('2020-01-01') })).toBe(0);
    expect(await queue.retryJobs({ ids: [one.id, 'no-such-job'] })).toBe(1);
    await inState(queue, one, 'completed');
    const { finishedOn } = (await queue.getJob(two.id))!;
    await two.retry();
    await inState(queue, two, 'completed');
    // of a whole batch that died together all are before this
    expect(await queue.retryJobs({ failedBefore: new Date(finishedOn! + 10_000) })).toBe(2);
    for (const job of [three, four]) await inState(queue, job, 'completed');
    expect(await queue.retryJobs({ all: true })).toBe(0);
    expect(runs.slice(4).map(({ data }) => data as number)).toEqual([1, 2, 3, 4]);
  });

  it.each([{}, { ids: 'x' }, { all: false }, { all: true, ids: [] }, { everything: true }])(
    'refuses %j, which does not say which',
    async (filter) => {
      const { queue } = await failing();
      const job = await ended(queue, await queue.add('job', null, { attempts: 1 }));
      await expect(queue.retryJobs(filter as never)).rejects.toMatchObject({ code: 'PGQUEUE_INVALID_JOB' });
      expect(await job.getState()).toBe('failed');
    },
  );
});
