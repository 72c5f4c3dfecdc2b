import { describe, expect, it } from 'vitest';
import { until } from '../support/signals.js';
import { faultTest, work } from './support/fault-test.js';
import { scaled } from './support/setting.js';

const fault = faultTest(18, 'handler never returns');
const { report } = fault;

describe('a handler that never returns and ignores its signal', () => {
  it('fails by its timeout and frees its place, attempt by attempt; the others go on', async () => {
    const queue = fault.newQueue();
    const jobs = (await fault.producer()).queue(queue);
    await fault.worker(queue, { concurrency: 2, backoff: 10 });
    const stuck = work(scaled(10, 4), 'stuck-', () => ({}), 'never');
    const after = work(50, 'after-');
    const began = Date.now();
    const added = await jobs.addBulk(stuck.jobs.map((job) => ({ ...job, opts: { attempts: 2, timeout: 400 } })));
    await jobs.addBulk(after.jobs);
    report.injected('handlers that never return', stuck.jobs.length);
    await fault.ledger.quiet(queue, [...stuck.keys, ...after.keys], 30_000);
    report.recovered(Date.now() - began);
    for (const { id } of added) {
      const job = (await jobs.getJob(id))!;
      expect([await job.getState(), job.attemptsMade]).toEqual(['failed', 2]);
      expect(job.failedReason).toMatch(/longer than 400 ms/);
    }
    const { runs } = await fault.account(
      queue,
      after.keys,
      () => 'its attempt took too long, and it had another',
      stuck.keys,
    );
    for (const key of stuck.keys) expect(runs.get(key)).toHaveLength(2);
  });

  it('without a timeout keeps its place only, can be cancelled from anywhere, and does not hold up shutdown', async () => {
    const queue = fault.newQueue();
    const jobs = (await fault.producer()).queue(queue);
    const child = await fault.worker(queue, { concurrency: 2, shutdownTimeout: 500 });
    const first = await jobs.add('never', { k: 'first', tell: true });
    await child.tells('began');
    const second = work(20, 'second-');
    await jobs.addBulk(second.jobs);
    await fault.ledger.quiet(queue, second.keys, 10_000);
    expect(await first.cancel()).toBe(true);
    report.injected('never-ending jobs cancelled');
    const third = await jobs.add('never', { k: 'third' });
    await until('it to run', async () => (await third.getState()) === 'active');
    const told = Date.now();
    await child.kill('SIGTERM');
    report.injected('SIGTERM beside a handler that never returns');
    expect(Date.now() - told).toBeLessThan(4_000);
    expect(await third.getState()).toBe('waiting');
    await fault.account(queue, second.keys);
  });
});
