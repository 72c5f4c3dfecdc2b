import { describe, expect, it } from 'vitest';
import { type ActiveJob, JobCancelledError, JobStateError, PgQueueRuntime } from '../../lib/index.js';
import { testDatabase } from '../support/database.js';
import { ended, inState, newQueue, processor, testApplications } from '../support/running.js';
import { aWhile, deferred, until } from '../support/signals.js';

const database = testDatabase();
const start = testApplications(database);

describe('a job', () => {
  it.each([true, false])(
    'that is cancelled while it runs has its signal aborted within a second, wherever it runs (LISTEN: %s)',
    async (listens) => {
      const name = newQueue();
      const [began, aborted] = [deferred(), deferred<unknown>()];
      const handle = async ({ signal }: ActiveJob): Promise<string> => {
        began.resolve();
        await new Promise((resolve) => {
          signal.addEventListener('abort', resolve);
        });
        aborted.resolve(signal.reason);
        return 'too late';
      };
      await start({ providers: [processor(name, handle)], options: listens ? {} : { listen: false } });
      const elsewhere = await start({ options: { processing: false } });
      const job = await elsewhere.queue(name).add('n', null);
      await began.promise;
      const asked = performance.now();
      expect(await job.cancel('no longer wanted')).toBe(true);
      const reason = await aborted.promise;
      // the interval of a heartbeat and a little for the way there
      expect(performance.now() - asked).toBeLessThan(listens ? 1_000 : 2_500);
      expect(reason).toBeInstanceOf(JobCancelledError);
      expect(String(reason)).toContain('no longer wanted');
      const dead = await ended(elsewhere.queue(name), job);
      expect([await dead.getState(), dead.failedReason, dead.returnvalue]).toEqual([
        'failed',
        'no longer wanted',
        null,
      ]);
      expect(await job.cancel()).toBe(false);
    },
  );

  it('that is cancelled when it was fetched and has not begun is taken out of its process', async () => {
    const name = newQueue();
    const [began, release] = [deferred(), deferred()];
    const ran: unknown[] = [];
    const handle = ({ data }: ActiveJob): unknown => {
      ran.push(data);
      if (data !== 'blocks') return undefined;
      began.resolve();
      return release.promise;
    };
    const { queue } = await start({ providers: [processor(name, handle, { concurrency: 1 })] });
    // jobs as short as these are fetched ahead
    const short = await queue(name).addBulk(Array.from({ length: 50 }, (_, i) => ({ name: 'n', data: i })));
    await ended(queue(name), short.at(-1)!);
    const [, fetched, last] = await queue(name).addBulk(
      ['blocks', 'fetched', 'last'].map((data) => ({ name: 'n', data })),
    );
    await began.promise;
    await inState(queue(name), fetched!, 'active');
    expect(await fetched!.cancel('not this one')).toBe(true);
    await aWhile();
    release.resolve();
    await ended(queue(name), last!);
    expect(ran.slice(50)).toEqual(['blocks', 'last']);
    expect((await queue(name).getJob(fetched!.id))!.failedReason).toBe('not this one');
  });

  it('whose data its handler replaces has it at its next attempt', async () => {
    const name = newQueue();
    const seen: unknown[] = [];
    const handle = async (job: ActiveJob): Promise<void> => {
      seen.push(job.data);
      if (job.attemptsStarted > 1) return;
      await job.updateData({ step: 2 });
      seen.push(job.data);
      throw new Error('again');
    };
    const { queue } = await start({ providers: [processor(name, handle, { backoff: 1 })] });
    const job = await queue(name).add('n', { step: 1 });
    expect((await ended(queue(name), job)).data).toEqual({ step: 2 });
    expect(seen).toEqual([{ step: 1 }, { step: 2 }, { step: 2 }]);
    await expect(job.updateData({})).rejects.toThrow(JobStateError);
  });

  it('refuses what its state does not allow, and wrong arguments', async () => {
    const { queue } = await start({ options: { processing: false } });
    const job = await queue(newQueue()).add('n', null);
    await expect(job.promote()).rejects.toThrow(/is waiting, not delayed/);
    await expect(job.changePriority(256)).rejects.toMatchObject({ path: 'priority' });
    await expect(job.updateData(10n)).rejects.toMatchObject({ path: 'data' });
    await expect(job.cancel('')).rejects.toMatchObject({ path: 'reason' });
    await job.changePriority(7);
    expect((await queue(job.queueName).getJob(job.id))!.priority).toBe(7);
  });
});

describe('a queue', () => {
  it('that is paused begins nothing in any process, and goes on at once when it is resumed', async () => {
    const name = newQueue();
    const ran: unknown[] = [];
    const handle = ({ data }: ActiveJob): void => void ran.push(data);
    await start({ providers: [processor(name, handle)] });
    const { queue } = await start({ providers: [processor(name, handle)] });
    await queue(name).pause();
    const jobs = await queue(name).addBulk([1, 2, 3].map((data) => ({ name: 'n', data })));
    expect(await queue(name).isPaused()).toBe(true);
    await inState(queue(name), jobs[0]!, 'waiting');
    expect(ran).toEqual([]);
    await queue(name).resume();
    await until('all to run', () => ran.length === 3);
  });

  it('is drained and cleaned', async () => {
    const name = newQueue();
    const { queue } = await start({ options: { processing: false } });
    await queue(name).addBulk([
      { name: 'n', data: 1 },
      { name: 'n', data: 2, opts: { delay: 60_000 } },
    ]);
    expect(await queue(name).drain()).toBe(1);
    expect(await queue(name).drain(true)).toBe(1);
    expect(await queue(name).getJobCounts('waiting', 'delayed')).toMatchObject({ waiting: 0, delayed: 0 });
    expect(await queue(name).clean(0)).toEqual([]);
    await expect(queue(name).clean('soon' as '1s')).rejects.toMatchObject({ path: 'grace' });
  });
});

describe('stats()', () => {
  it('says what an operator needs to see', async () => {
    const [name, unserved] = [newQueue('served'), newQueue('unserved')];
    const began = deferred();
    const done = deferred();
    const handle = async (): Promise<void> => {
      began.resolve();
      await done.promise;
    };
    const { app, queue } = await start({ providers: [processor(name, handle, { concurrency: 1 }, 'known')] });
    await queue(name).add('known', null);
    await began.promise;
    await queue(name).add('unknown', null);
    await queue(name).add('known', null, { delay: 60_000 });
    await queue(unserved).add('n', null);
    const runtime = app.get(PgQueueRuntime);
    await until('its process to be seen with a job in hand, listening', async () => {
      const { processes } = await runtime.stats();
      return processes.some((one) => one.queues.includes(name) && one.inFlight === 1 && one.wakeUp === 'listen');
    });
    const { queues, processes, storage } = await runtime.stats();
    expect(queues[name]).toMatchObject({
      counts: { waiting: 1, delayed: 1, active: 1, failed: 0, estimated: [] },
      unhandled: { unknown: 1 },
      paused: false,
    });
    expect(queues[name]!.oldestWaitingMs).toBeGreaterThanOrEqual(0);
    expect(queues[unserved]).toMatchObject({ counts: { waiting: 1 }, unhandled: { n: 1 } });
    expect(processes.find(({ queues: its }) => its.includes(name))).toMatchObject({
      pid: process.pid,
      lastSeenMs: expect.any(Number),
    });
    expect(storage.segments).toHaveLength(24);
    expect(storage.segments.filter(({ state }) => state === 'current')).toHaveLength(8);
    expect(storage.segments.find(({ table }) => table === 'entry_0')).toMatchObject({ bytes: expect.any(Number) });
    done.resolve();
  });

  it('shows what holds back reclaiming', async () => {
    const { app } = await start({ options: { processing: false } });
    const holder = await database.connect();
    await holder.query('begin isolation level repeatable read');
    await holder.query('select 1');
    await holder.query('select pg_sleep(0.06)');
    const { storage } = await app.get(PgQueueRuntime).stats();
    expect(storage.longestTransactionMs).toBeGreaterThan(50);
    expect(storage.oldestSnapshotMs).toBeGreaterThan(50);
    await holder.query('rollback');
  });
});
