import { describe, expect, it } from 'vitest';
import { until } from '../support/signals.js';
import { type Excuse, LOST_LEASE } from './support/ledger.js';
import { faultTest } from './support/fault-test.js';
import { ownDatabase } from './support/own-database.js';
import { scaled, sleep } from './support/setting.js';

const database = ownDatabase();
const fault = faultTest(2, 'server restarts', { database });
const { report, random } = fault;

/** Jobs added per second, and by how many at once. */
const LOAD = 100;
const LINES = 4;

interface Outage {
  readonly from: number;
  to: number;
}

describe('a server that restarts again and again', () => {
  it('loses no job whose add() returned; workers go on by themselves, and none ends', async () => {
    const queue = fault.newQueue();
    const jobs = (await fault.producer()).queue(queue);
    for (let i = 0; i < 2; i++) await fault.worker(queue, { concurrency: 10 });
    const outages: Outage[] = [];
    const added: string[] = [];
    const unsure: string[] = [];
    let producing = true;
    const produce = async (line: number): Promise<void> => {
      let due = performance.now();
      for (let i = 0; producing; i++) {
        const k = `${line}-${i}`;
        try {
          await jobs.add('work', { k, ms: random.between(0, 30) }, { jobId: k });
          added.push(k);
          // a steady load, below what they could do; what an add() takes is not added to the pause
          due = Math.max(due + LINES * (1_000 / LOAD), performance.now());
          await sleep(Math.max(0, due - performance.now()));
        } catch {
          // it may be there: the same id says so
          unsure.push(k);
          await sleep(20);
        }
      }
    };
    const producers = Array.from({ length: LINES }, (_, line) => produce(line));
    const restarts = scaled(6, 2);
    const rate = async (ms: number): Promise<number> => {
      const [from, at] = [await fault.ledger.done(queue), performance.now()];
      await sleep(ms);
      return ((await fault.ledger.done(queue)) - from) / ((performance.now() - at) / 1000);
    };
    await until('it to work', async () => (await fault.ledger.done(queue)) > 100);
    // more than the load is what had gathered before
    const before = Math.min(LOAD, await rate(scaled(5_000, 2_500)));
    for (let i = 0; i < restarts; i++) {
      await sleep(random.between(scaled(5_000, 2_500), scaled(8_000, 3_500)));
      const how = i % 2 === 0 ? 'immediate' : 'fast';
      const outage = { from: Date.now(), to: Infinity };
      outages.push(outage);
      const pid = await database.server.end(how);
      await sleep(random.between(200, 1_500));
      await database.server.start();
      expect(database.server.pid).not.toBe(pid);
      report.injected(`${how} restarts`);
      const up = Date.now();
      await fault.reconnect();
      await until(
        'work to go on',
        async () => (await fault.ledger.runs(queue)).some(({ started }) => started > up),
        20_000,
      );
      outage.to = Date.now();
      const next = (await fault.ledger.runs(queue)).find(({ started }) => started > up)!;
      report.recovered(next.started - up);
      expect(next.started - up, 'work goes on').toBeLessThan(10_000);
    }
    // what it did before, it does again: how soon is for the report, on a machine that others use as well
    let after = 0;
    const measured = performance.now();
    const took = (): number => (performance.now() - measured) / 1000;
    while (after < before * 0.95 && took() < 60) after = await rate(2_500);
    report.note(
      `jobs/s before and after: ${before.toFixed(0)}, ${after.toFixed(0)}, measured up to ${took().toFixed(1)} s after the last restart`,
    );
    producing = false;
    await Promise.all(producers);
    expect(after, 'jobs/s after the restarts').toBeGreaterThan(before * 0.95);
    // ambiguous commits resolved by their ids: this adds those only that are not there
    for (const k of unsure) {
      await jobs.add('work', { k }, { jobId: k });
      added.push(k);
    }
    report.note(`${unsure.length} adds whose outcome was unsure, repeated by their id`);
    await fault.ledger.quiet(queue, added, 60_000);
    expect(fault.processes.map(({ isRunning }) => isRunning)).toEqual([true, true]);
    const excuse: Excuse = (run, next) =>
      outages.some(
        ({ from: down, to: up }) => run.started < up && (run.ended ?? Infinity) > down - 1_000 && next.started > down,
      )
        ? LOST_LEASE
        : undefined;
    await fault.account(queue, added, excuse);
    const ends = await fault.ledger.ends(queue);
    expect([...ends].filter(([, end]) => end !== 'c')).toEqual([]);
  });
});
