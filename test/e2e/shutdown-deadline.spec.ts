import { describe, expect, it } from 'vitest';
import { ShutdownError } from '../../lib/index.js';
import { testDatabase } from '../support/database.js';
import { begun, ended, newQueue, processor, testApplications } from '../support/running.js';
import { deferred } from '../support/signals.js';

const database = testDatabase();
const start = testApplications(database);

describe('close()', () => {
  it('at the deadline aborts signals with ShutdownError; a handler that throws then is handed back uncharged', async () => {
    const name = newQueue();
    const reasons: unknown[] = [];
    const handler = processor(
      name,
      (job) =>
        new Promise((_, reject) => {
          job.signal.addEventListener('abort', () => {
            reasons.push(job.signal.reason);
            reject(new Error('aborted'));
          });
        }),
      { shutdownTimeout: 200 },
    );
    const running = await start({ providers: [handler] });
    const observer = (await start()).queue(name);
    const job = await observer.add('job', null, { attempts: 1 });
    await begun(handler);
    const began = performance.now();
    await running.app.close();
    expect(performance.now() - began).toBeGreaterThanOrEqual(199);
    expect(reasons).toHaveLength(1);
    expect(reasons[0]).toBeInstanceOf(ShutdownError);
    expect(await job.getState()).toBe('waiting');
    await start({ providers: [processor(name, (again) => [again.attemptsStarted, again.stacktrace.length])] });
    expect((await ended(observer, job)).returnvalue).toEqual([1, 0]);
  });

  it('a handler that reacts to the abort by returning completes its job', async () => {
    const name = newQueue();
    const handler = processor(
      name,
      (job) => new Promise((resolve) => job.signal.addEventListener('abort', () => resolve('in time'))),
      { shutdownTimeout: 20 },
    );
    const running = await start({ providers: [handler] });
    const observer = (await start()).queue(name);
    const job = await observer.add('job', null);
    await begun(handler);
    await running.app.close();
    expect((await ended(observer, job)).returnvalue).toBe('in time');
  });

  it('a handler that does not react is left to itself a second later: its run is handed back, its end ignored', async () => {
    const name = newQueue();
    const gate = deferred();
    const handler = processor(name, () => gate.promise.then(() => 'too late'), { shutdownTimeout: 20 });
    const running = await start({ providers: [handler] });
    const observer = (await start()).queue(name);
    const job = await observer.add('job', null, { attempts: 1 });
    await begun(handler);
    const began = performance.now();
    await running.app.close();
    expect(performance.now() - began).toBeGreaterThanOrEqual(1019);
    gate.resolve();
    await start({ providers: [processor(name, (again) => again.attemptsStarted)] });
    expect((await ended(observer, job)).returnvalue).toBe(1);
  });

  it('shutdownTimeout 0 aborts at once', async () => {
    const name = newQueue();
    const handler = processor(
      name,
      (job) => new Promise((resolve) => job.signal.addEventListener('abort', () => resolve('aborted'))),
      { shutdownTimeout: 0 },
    );
    const running = await start({ providers: [handler] });
    const observer = (await start()).queue(name);
    const job = await observer.add('job', null);
    await begun(handler);
    await running.app.close();
    expect((await ended(observer, job)).returnvalue).toBe('aborted');
  });
});
