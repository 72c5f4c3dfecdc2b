import { describe, expect, it } from 'vitest';
import { testDatabase } from '../support/database.js';
import { ended, inState, newQueue, processor, testApplications } from '../support/running.js';
import { deferred } from '../support/signals.js';

const database = testDatabase();
const start = testApplications(database);

describe('remove()', () => {
  it('of a waiting or delayed job: it never runs', async () => {
    const name = newQueue();
    const producer = (await start()).queue(name);
    const waiting = await producer.add('job', 'waiting');
    const delayed = await producer.add('job', 'delayed', { delay: 100 });
    expect(await waiting.remove()).toBe(true);
    expect(await producer.remove(delayed.id)).toBe(true);
    expect(await producer.remove(delayed.id)).toBe(false);
    const ran: unknown[] = [];
    const queue = (await start({ providers: [processor(name, (job) => ran.push(job.data))] })).queue(name);
    // due after the removed one was
    await ended(queue, await queue.add('job', 'last', { delay: 200 }));
    expect(ran).toEqual(['last']);
    expect([await waiting.getState(), await delayed.getState()]).toEqual(['unknown', 'unknown']);
  });

  it('of an active job: it stays, and completes', async () => {
    const name = newQueue();
    const gate = deferred();
    const queue = (await start({ providers: [processor(name, () => gate.promise)] })).queue(name);
    const job = await queue.add('job', null);
    await inState(queue, job, 'active');
    expect(await job.remove()).toBe(false);
    gate.resolve();
    await inState(queue, job, 'completed');
  });

  it('of a completed or dead job: it is gone, and is not counted', async () => {
    const name = newQueue();
    const handler = processor(name, (job) => {
      if (job.data === 'fails') throw new Error('no');
    });
    const queue = (await start({ providers: [handler] })).queue(name);
    const dead = await ended(queue, await queue.add('job', 'fails', { attempts: 1 }));
    const completed = await ended(queue, await queue.add('job', null));
    for (const job of [dead, completed]) {
      expect(await job.remove()).toBe(true);
      expect(await job.getState()).toBe('unknown');
    }
    expect(await queue.getJobCounts('failed', 'completed')).toMatchObject({ failed: 0, completed: 0 });
    await expect(dead.retry()).rejects.toMatchObject({ state: 'unknown' });
  });

  it('of a job with a unique key frees the key', async () => {
    const queue = (await start()).queue(newQueue());
    const first = await queue.add('job', null, { uniqueKey: 'k', delay: '1h' });
    await first.remove();
    expect((await queue.add('job', null, { uniqueKey: 'k', delay: '1h' })).deduplicated).toBe(false);
  });
});
