import { describe, expect, it } from 'vitest';
import { type ActiveJob, PgQueueRuntime } from '../../lib/index.js';
import { testDatabase } from '../support/database.js';
import { begun, newQueue, processor, testApplications, type RunningApplication } from '../support/running.js';
import { aWhile, deferred, until } from '../support/signals.js';

const database = testDatabase();
const start = testApplications(database);

/** A close() that has begun. */
function closing({ app }: RunningApplication): { closed: Promise<void>; isClosed: () => boolean } {
  let done = false;
  const closed = app.close().finally(() => {
    done = true;
  });
  return { closed, isClosed: () => done };
}

describe('close()', () => {
  it('lets running handlers finish, and writes what they return', async () => {
    const name = newQueue();
    const gate = deferred();
    let aborted = false;
    const handler = processor(name, async (job) => {
      job.signal.addEventListener('abort', () => (aborted = true));
      await gate.promise;
      return 'finished';
    });
    const running = await start({ providers: [handler] });
    const observer = (await start()).queue(name);
    const jobs = await observer.addBulk([1, 2, 3].map((data) => ({ name: 'job', data })));
    await begun(handler, 3);
    const { closed, isClosed } = closing(running);
    await aWhile(50);
    expect(isClosed()).toBe(false);
    gate.resolve();
    await closed;
    expect(aborted).toBe(false);
    for (const job of jobs) {
      const { returnvalue } = (await observer.getJob(job.id))!;
      expect([await job.getState(), returnvalue]).toEqual(['completed', 'finished']);
    }
  });

  it('claims nothing from its beginning on', async () => {
    const name = newQueue();
    const gate = deferred();
    const ran: unknown[] = [];
    const handler = processor(name, async (job) => {
      ran.push(job.data);
      await gate.promise;
    });
    const running = await start({ providers: [handler] });
    const observer = (await start()).queue(name);
    await observer.add('job', 'first');
    await begun(handler);
    const { closed } = closing(running);
    const later = await observer.addBulk([1, 2, 3].map((data) => ({ name: 'job', data })));
    // one that is added by the closing process itself, too
    await running.queue(name).add('job', 'own');
    await aWhile();
    gate.resolve();
    await closed;
    expect(ran).toEqual(['first']);
    for (const job of later) expect(await job.getState()).toBe('waiting');
  });

  it('hands back at once what was claimed and not started: another runs it as its first attempt', async () => {
    const name = newQueue();
    const gate = deferred();
    const firstRan = new Set<number>();
    // quick ones first, so that it fetches ahead; then it blocks with a full buffer
    const handler = processor(
      name,
      async (job: ActiveJob<number>) => {
        firstRan.add(job.data);
        if (job.data >= 2000) await gate.promise;
      },
      { concurrency: 2 },
    );
    const running = await start({ providers: [handler], options: { processing: false } });
    const observer = (await start()).queue<number>(name);
    const jobs = await observer.addBulk(Array.from({ length: 2400 }, (_, i) => ({ name: 'job', data: i })));
    await running.app.get(PgQueueRuntime).start();
    await until('it to block', () => firstRan.has(2001));
    // a handed-back run says so in its result
    const fetched = (await observer.getJobCounts('active')).active;
    expect(fetched).toBeGreaterThan(2);
    const { closed, isClosed } = closing(running);
    const attempts = new Map<number, [number, number]>();
    const second = processor(
      name,
      (job) => attempts.set(job.data, [job.attemptsStarted, job.attemptsMade]) && 'second',
    );
    await start({ providers: [second] });
    await until('the others to be run elsewhere', () => attempts.size === 2400 - firstRan.size);
    expect(isClosed()).toBe(false);
    expect(new Set([...attempts.values()].map(String))).toEqual(new Set(['1,0']));
    gate.resolve();
    await closed;
    for (const job of [jobs[2000]!, jobs[2001]!]) expect(await job.getState()).toBe('completed');
    expect([...attempts.keys()].filter((data) => firstRan.has(data))).toEqual([]);
  });

  it('writes the results of many that end together', async () => {
    const name = newQueue();
    const gate = deferred();
    const handler = processor(name, (job) => gate.promise.then(() => job.data), { concurrency: 500 });
    const running = await start({ providers: [handler] });
    const observer = (await start()).queue(name);
    const jobs = await observer.addBulk(Array.from({ length: 500 }, (_, i) => ({ name: 'job', data: i })));
    await begun(handler, 500);
    const { closed } = closing(running);
    gate.resolve();
    await closed;
    expect(await observer.getJobCounts('active', 'completed')).toMatchObject({ active: 0, completed: 500 });
    expect((await observer.getJob(jobs[499]!.id))!.returnvalue).toBe(499);
  });

  it('writes a result that could not be written at once, before it closes the pool', async () => {
    const name = newQueue();
    const gate = deferred();
    const handler = processor(name, () => gate.promise.then(() => 'written'));
    const running = await start({ providers: [handler] });
    const observer = (await start()).queue(name);
    const job = await observer.add('job', null);
    await begun(handler);
    // as rotation does: what ends jobs gives up on this lock after a second, and tries again
    const blocker = await database.connect();
    await blocker.query(`select pg_advisory_lock(${database.schema}.lock_key('guard'))`);
    const { closed } = closing(running);
    gate.resolve();
    await aWhile(1_300);
    await blocker.end();
    await closed;
    expect(await observer.getJob(job.id)).toMatchObject({ returnvalue: 'written' });
  });
});
