import { describe, expect, it } from 'vitest';
import { until } from '../support/signals.js';
import { faultTest, work } from './support/fault-test.js';
import type { WorkerProcess } from './support/processes.js';
import { Proxy } from './support/proxy.js';
import { scaled, sleep } from './support/setting.js';

const fault = faultTest(25, 'shutdown');
const { report, random } = fault;

/** After it was told to, a process ends within its shutdownTimeout and this: ms. */
const MORE = 3_500;

/** Tells it to end, and sees that it does, in time and by that signal. */
async function terminate(child: WorkerProcess, within: number, signals = 1): Promise<number> {
  const began = Date.now();
  for (let i = 0; i < signals; i++) {
    child.process.kill('SIGTERM');
    if (signals > 1) await sleep(5);
  }
  const { signal } = await child.exited;
  expect(signal).toBe('SIGTERM');
  const took = Date.now() - began;
  report.recovered(took);
  expect(took).toBeLessThan(within);
  return began;
}

/** Nothing begins in a process that ends; what it had not begun is run by another with all its attempts. */
async function handedOver(queue: string, keys: readonly string[], child: WorkerProcess, toldAt: number): Promise<void> {
  await fault.worker(queue, { concurrency: 20 });
  await fault.ledger.quiet(queue, keys, 8_000);
  const { runs } = await fault.account(queue, keys);
  const all = [...runs.values()].flat();
  expect(all.filter(({ pid, started }) => pid === child.pid && started > toldAt + 250)).toEqual([]);
  expect(all.filter(({ attempt }) => attempt !== 1)).toEqual([]);
  const { rows } = await fault.database.client.query(`select from ${fault.database.schema}.worker where pid = $1`, [
    child.pid,
  ]);
  expect(rows).toEqual([]);
}

describe('a process that is told to end', () => {
  it('twenty times over while it works, ends once, and hands over what it has not begun', async () => {
    const queue = fault.newQueue();
    const jobs = (await fault.producer()).queue(queue);
    const child = await fault.worker(queue, { concurrency: 10 });
    const { jobs: some, keys } = work(scaled(3_000, 1_000), 'storm-', () => ({ ms: 10 }));
    await jobs.addBulk(some);
    await until('it to work', async () => (await fault.ledger.done(queue)) > 50);
    const toldAt = await terminate(child, 5_000, 20);
    report.injected('SIGTERM', 20);
    expect(await fault.ledger.done(queue)).toBeLessThan(keys.length);
    await handedOver(queue, keys, child, toldAt);
  });

  it('in the middle of claims that take long, gives back what they bring', async () => {
    const queue = fault.newQueue();
    const proxy = await Proxy.before(fault.database.url);
    fault.afterwards(() => proxy.close());
    const jobs = (await fault.producer()).queue(queue);
    const child = await fault.worker(queue, { concurrency: 10 }, { url: proxy.url });
    const { jobs: some, keys } = work(300, 'claim-', () => ({ ms: 20 }));
    await jobs.addBulk(some);
    await until('it to work', async () => (await fault.ledger.done(queue)) > 20);
    proxy.weather = 'slow';
    await sleep(random.between(100, 600));
    const ended = terminate(child, 20_000);
    report.injected('SIGTERM during claims');
    expect(proxy.links.length).toBeGreaterThan(0);
    await sleep(scaled(2_500, 500));
    proxy.weather = 'well';
    await handedOver(queue, keys, child, await ended);
  });

  it('while its results are being written, writes them first', async () => {
    const queue = fault.newQueue();
    const proxy = await Proxy.before(fault.database.url);
    fault.afterwards(() => proxy.close());
    const jobs = (await fault.producer()).queue(queue);
    const child = await fault.worker(queue, { concurrency: 20 }, { url: proxy.url });
    const { jobs: some, keys } = work(20, 'flush-', () => ({ ms: 300 }));
    await jobs.addBulk(some);
    await until('all to have begun', async () => (await fault.ledger.runs(queue)).length === keys.length);
    proxy.weather = 'stall';
    await until('all to have ended', async () => (await fault.ledger.done(queue)) === keys.length);
    const ended = terminate(child, 15_000);
    report.injected('SIGTERM before results were written');
    await sleep(1_500);
    expect([...(await fault.ledger.ends(queue)).values()].filter((end) => end !== '')).toEqual([]);
    proxy.weather = 'well';
    await ended;
    const ends = await fault.ledger.ends(queue);
    expect([...ends.values()].filter((end) => end !== 'c')).toEqual([]);
    await fault.account(queue, keys);
  });

  it('while it adds in transactions: what was committed runs, what was not never does', async () => {
    const queue = fault.newQueue();
    await fault.producer();
    const child = await fault.worker(queue, {}, { mode: 'addsInTransactions' });
    const keysOf = (event: string): string[] =>
      child.told.filter((told) => told.event === event).map(({ key }) => key as string);
    await until('some to be committed', () => keysOf('committed').length > 20);
    await terminate(child, 5_000);
    report.injected('SIGTERM during transactions that add');
    await fault.worker(queue);
    const committed = keysOf('committed');
    await fault.ledger.quiet(queue, committed, 20_000);
    await sleep(500);
    await fault.account(queue, committed);
    const tried = new Set(keysOf('committing'));
    expect((await fault.ledger.runs(queue)).filter(({ key }) => !tried.has(key))).toEqual([]);
  });

  it('while it starts, leaves nothing that holds up the next', async () => {
    const queue = fault.newQueue();
    const jobs = (await fault.producer()).queue(queue);
    const { jobs: some, keys } = work(20, 'boot-', () => ({ ms: 50 }));
    await jobs.addBulk(some);
    const times = scaled(10, 4);
    for (let i = 0; i < times; i++) {
      const child = fault.spawn({ queues: { [queue]: { concurrency: 1 } } });
      await child.tells('booting');
      await sleep(random.between(0, 120));
      expect(await child.kill('SIGTERM')).toBe(true);
      report.injected('SIGTERM during start');
    }
    // one that had begun a job by then is dead: that takes others some seconds
    await fault.worker(queue);
    await fault.ledger.quiet(queue, keys, 30_000);
    const pids = new Set(fault.processes.map(({ pid }) => pid));
    await fault.account(queue, keys, (run) =>
      pids.has(run.pid) ? 'its process was ended while it started' : undefined,
    );
  });

  it('by close() twice, closes once and ends by itself, with nothing left open', async () => {
    const queue = fault.newQueue();
    const child = await fault.worker(queue, {}, { mode: 'closesTwice', hooks: false });
    child.say({});
    report.injected('double close()');
    expect(await child.exited).toEqual({ code: 0, signal: null });
    expect((await child.tells('left')).left).toBe('');
  });

  it('with handlers that do not end, aborts and hands them back in time', async () => {
    const queue = fault.newQueue();
    const jobs = (await fault.producer()).queue(queue);
    const shutdownTimeout = scaled(10_000, 1_000);
    const child = await fault.worker(queue, { shutdownTimeout });
    const deaf = await jobs.add('never', { k: 'deaf', tell: true });
    const polite = await jobs.add('aborts', { k: 'polite', tell: true });
    await until('both to have begun', () => child.told.filter(({ event }) => event === 'began').length === 2);
    // Kubernetes kills after 30 s
    await terminate(child, shutdownTimeout + MORE);
    report.injected('SIGTERM beside handlers that do not end', 2);
    const runs = await fault.ledger.runs(queue);
    expect(runs.find(({ key }) => key === 'polite')!.outcome).toBe('aborted: ShutdownError');
    for (const job of [deaf, polite]) {
      const now = (await jobs.getJob(job.id))!;
      // handed back at once, and no attempt charged
      expect([await now.getState(), now.attemptsMade]).toEqual(['waiting', 0]);
    }
    report.jobs(2);
  });
});
