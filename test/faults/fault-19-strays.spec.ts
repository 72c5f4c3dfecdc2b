import { describe, expect, it } from 'vitest';
import { until } from '../support/signals.js';
import { faultTest, work } from './support/fault-test.js';
import { scaled, sleep, WATCHED } from './support/setting.js';

const fault = faultTest(19, 'stray errors');
const { report } = fault;

describe('an error that a handler leaves to nobody', () => {
  it('ends no worker where the application lets the process live, and no job but its own', async () => {
    const queue = fault.newQueue();
    const jobs = (await fault.producer()).queue(queue);
    const child = await fault.worker(queue, { concurrency: 5 }, { mode: 'survives' });
    const some = work(scaled(100, 40), 'beside-', () => ({ ms: 20 }));
    const stray = [
      ...work(5, 'rejection-', () => ({}), 'strayRejection').jobs,
      ...work(5, 'exception-', () => ({}), 'strayException').jobs,
    ];
    await jobs.addBulk([...some.jobs, ...stray, ...work(20, 'behind-').jobs]);
    const keys = [...some.keys, ...stray.map(({ data: { k } }) => k), ...work(20, 'behind-').keys];
    await fault.ledger.quiet(queue, keys, 20_000);
    await until('all to be told', () => child.told.filter(({ event }) => event === 'stray').length === 10);
    report.injected('stray rejections and exceptions survived', 10);
    await fault.account(queue, keys);
    expect(child.isRunning).toBe(true);
  });

  it('ends the process where Node would: the queue hides nothing, and what ran beside it runs elsewhere', async () => {
    const queue = fault.newQueue();
    const jobs = (await fault.producer()).queue(queue);
    const first = await fault.worker(queue, { concurrency: 5 });
    const held = work(3, 'held-', () => ({ ms: 1_000, tell: true }));
    const other = await fault.worker(queue, { concurrency: 5, maxStalledCount: 1 }, { mode: 'survives' });
    await sleep(WATCHED);
    process.kill(other.pid, 'SIGSTOP');
    await jobs.addBulk(held.jobs);
    await until('all to have begun', () => first.told.filter(({ event }) => event === 'began').length === 3);
    const stray = await jobs.add('strayRejection', { k: 'stray' });
    expect(await first.exited).toEqual({ code: 1, signal: null });
    const gone = Date.now();
    process.kill(other.pid, 'SIGCONT');
    report.injected('processes ended by a stray rejection');
    expect(first.output.join('\n')).toMatch(/stray rejection/);
    const keys = [...held.keys, 'stray'];
    await fault.ledger.quiet(queue, keys, 30_000);
    report.recovered((await fault.ledger.runs(queue)).find(({ pid }) => pid === other.pid)!.started - gone);
    expect(await stray.getState()).toBe('completed');
    await fault.account(queue, keys, (run) =>
      run.pid === first.pid ? 'its process ended by a stray rejection' : undefined,
    );
  });
});
