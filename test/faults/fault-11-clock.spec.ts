import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { until } from '../support/signals.js';
import { faultTest, killed, work } from './support/fault-test.js';
import { scaled, sleep, WATCHED } from './support/setting.js';

const fault = faultTest(11, 'wrong clocks');
const { report } = fault;
const MINUTES = 60_000;
const script = path.resolve(import.meta.dirname, 'support/skewed-clock.mjs');

describe('processes whose clocks are ten minutes ahead, behind, and jump', () => {
  it('run delayed jobs and retries by the database’s clock, time out by none, and are not taken for dead', async () => {
    const queue = fault.newQueue();
    const jobs = (await fault.producer()).queue(queue);
    const skews: Record<string, string>[] = [
      { SKEW: String(10 * MINUTES) },
      { SKEW: String(-10 * MINUTES) },
      { SKEW: String(10 * MINUTES), JUMPS: 'yes' },
    ];
    const workers = await Promise.all(
      skews.map((env) =>
        fault.worker(
          queue,
          { concurrency: 5, backoff: 1_000 },
          { env, hooks: false, execArgv: ['--import', `file://${script}`] },
        ),
      ),
    );
    for (const [i, child] of workers.entries()) {
      const off = (child.told.find(({ event }) => event === 'ready')!['now'] as number) - Date.now();
      expect(Math.abs(off - Number(skews[i]!['SKEW']))).toBeLessThan(MINUTES);
      report.injected('processes with wrong clocks');
    }
    const delay = 2_000;
    const delayed = work(scaled(100, 30), 'delayed-');
    const addedFrom = Date.now();
    await jobs.addBulk(delayed.jobs.map((job) => ({ ...job, opts: { delay } })));
    const addedTo = Date.now();
    const failing = work(5, 'failing-', () => ({}), 'throws');
    await jobs.addBulk(failing.jobs.map((job) => ({ ...job, opts: { attempts: 2 } })));
    // under way when a clock jumps: its timeout is no matter of clocks
    const timed = work(9, 'timed-', () => ({ ms: scaled(12_000, 6_000) }));
    await jobs.addBulk(timed.jobs.map((job) => ({ ...job, opts: { timeout: 60_000 } })));
    await until('some to run', async () =>
      (await fault.ledger.runs(queue)).some(({ key }) => timed.keys.includes(key)),
    );
    await sleep(1_000);
    workers[2]!.process.kill('SIGUSR2');
    const jumped = await workers[2]!.tells('jumped');
    expect(Math.abs((jumped['now'] as number) - Date.now() + 10 * MINUTES)).toBeLessThan(MINUTES);
    report.injected('clocks that jumped by 20 min');
    await fault.ledger.quiet(queue, [...delayed.keys, ...failing.keys, ...timed.keys], 30_000);
    const runs = await fault.ledger.runs(queue);
    for (const run of runs.filter(({ key }) => delayed.keys.includes(key))) {
      expect(run.started - addedFrom).toBeGreaterThanOrEqual(delay - 1);
      expect(run.started - addedTo).toBeLessThan(delay + 1_500);
    }
    for (const key of failing.keys) {
      const [first, second] = runs.filter((run) => run.key === key);
      expect(second!.started - first!.ended!).toBeGreaterThanOrEqual(900);
      expect(second!.started - first!.ended!).toBeLessThan(4_000);
    }
    await fault.account(queue, delayed.keys);
    await fault.account(queue, timed.keys);
    await fault.account(queue, [], () => 'its attempt failed, and it had another', failing.keys);
    const { rows } = await fault.database.client.query(`select dead from ${fault.database.schema}.worker`);
    const said = workers.flatMap(({ told }) =>
      told.filter(({ event }) => event === 'log').map(({ text }) => String(text)),
    );
    expect(
      rows.map(({ dead }) => dead),
      said.join('\n'),
    ).toEqual([false, false, false]);
    // who is dead is no matter of clocks either
    await sleep(WATCHED / 2);
    // longer than what one process has fetched ahead, after short ones, waits there before others get it
    const held = work(15, 'held-', () => ({ ms: 3_000 }));
    await jobs.addBulk(held.jobs);
    await until(
      'all to have begun',
      async () => (await fault.ledger.runs(queue)).filter(({ key }) => held.keys.includes(key)).length === 15,
    );
    expect(await workers[0]!.kill()).toBe(true);
    report.injected('killed, with a wrong clock');
    await fault.ledger.quiet(queue, held.keys, 30_000);
    await fault.account(queue, held.keys, killed(fault.processes));
    const again = (await fault.ledger.runs(queue)).find(
      ({ key, pid, started }) =>
        held.keys.includes(key) && pid !== workers[0]!.pid && started > workers[0]!.killedAt! + 500,
    );
    report.recovered(again!.started - workers[0]!.killedAt!);
    expect(again!.started - workers[0]!.killedAt!).toBeLessThan(6_000);
  });
});
