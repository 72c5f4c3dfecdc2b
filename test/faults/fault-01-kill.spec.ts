import { describe, expect, it } from 'vitest';
import { until } from '../support/signals.js';
import { faultTest, killed, work } from './support/fault-test.js';
import { scaled, sleep, WATCHED } from './support/setting.js';

const fault = faultTest(1, 'kill -9');
const { report, random } = fault;

/** A killed process's jobs run elsewhere within this time: ms. */
const TAKEOVER = 6_000;

describe('a process that is killed with kill -9', () => {
  it('has its running jobs taken over within 6 s, once', async () => {
    const queue = fault.newQueue();
    const jobs = (await fault.producer()).queue(queue);
    const all: string[] = [];
    for (let i = 0; i < 3; i++) await fault.worker(queue, { concurrency: 4 });
    await sleep(WATCHED);
    for (let kill = 0; kill < scaled(5, 1); kill++) {
      const { jobs: some, keys } = work(6, `held-${kill}-`, () => ({ ms: 1_500 }));
      all.push(...keys);
      await jobs.addBulk(some);
      await until('all to have begun', async () => {
        const runs = await fault.ledger.runs(queue);
        return keys.every((key) => runs.some((run) => run.key === key));
      });
      const before = await fault.ledger.runs(queue);
      const busy = new Set(before.filter(({ ended }) => ended === null).map(({ pid }) => pid));
      const victim = random.of(fault.processes.filter(({ isRunning, pid }) => isRunning && busy.has(pid)));
      const held = before.filter(({ pid, ended }) => pid === victim.pid && ended === null);
      expect(await victim.kill()).toBe(true);
      report.injected('kill -9 beside 2 idle observers');
      if (kill < 4) await fault.worker(queue, { concurrency: 4 });
      await fault.ledger.quiet(queue, keys, 30_000);
      const runs = await fault.ledger.runs(queue);
      for (const { key } of held) {
        const again = runs.find((run) => run.key === key && run.pid !== victim.pid);
        const takeover = again!.started - victim.killedAt!;
        report.recovered(takeover);
        expect(takeover, `takeover of ${key}`).toBeLessThan(TAKEOVER);
      }
      report.injected('jobs under way when killed', held.length);
    }
    expect(report.times('jobs under way when killed')).toBeGreaterThan(0);
    await fault.account(queue, all, killed(fault.processes));
    expect([...(await fault.ledger.ends(queue)).values()].every((ends) => ends === 'c')).toBe(true);
  });

  it('again and again, at random, loses nothing and repeats only what the killed ones held', async () => {
    const queue = fault.newQueue();
    const jobs = (await fault.producer()).queue(queue);
    const count = scaled(20_000, 3_000);
    const { jobs: some, keys } = work(count, 'storm-', () => ({ ms: random.between(1, 15) }));
    // a job that meets four of the kills would be dead as stalled, rightly
    const options = { concurrency: 10, maxStalledCount: 10 };
    const elder = await fault.worker(queue, { ...options, concurrency: 2 });
    let victims = await Promise.all([1, 2, 3].map(() => fault.worker(queue, options)));
    for (let i = 0; i < count; i += 1_000) await jobs.addBulk(some.slice(i, i + 1_000));
    const began = performance.now();
    let kills = 0;
    let done = 0;
    while (done < count * 0.9 && performance.now() - began < 90_000) {
      await sleep(300);
      const victim = random.of(victims);
      victims = victims.filter((one) => one !== victim);
      expect(await victim.kill()).toBe(true);
      kills++;
      const next = fault.spawn({ queues: { [queue]: options } });
      victims.push(next);
      // one that is killed while it starts holds nothing
      if (kills % 3 === 0) await next.tells('ready');
      done = await fault.ledger.done(queue);
    }
    report.injected('kill -9 in a storm', kills);
    expect(kills).toBeGreaterThan(scaled(10, 4));
    for (const victim of victims) await victim.tells('ready');
    await sleep(WATCHED);
    expect(await elder.kill()).toBe(true);
    report.injected('kill -9 in a storm');
    const ends = await fault.ledger.quiet(queue, keys, 90_000);
    expect([...ends.values()].filter((end) => end !== 'c')).toEqual([]);
    await fault.account(queue, keys, killed(fault.processes));
  });
});
