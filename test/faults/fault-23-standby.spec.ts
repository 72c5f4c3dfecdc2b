import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { testDatabase } from '../support/database.js';
import { until } from '../support/signals.js';
import { Cluster } from './support/cluster.js';
import { FaultTest, ROWS, work } from './support/fault-test.js';
import { Proxy } from './support/proxy.js';
import { scaled, sleep } from './support/setting.js';

const shared = testDatabase();
let cluster: Cluster;
let fault: FaultTest;

afterAll(async () => {
  await fault.end();
  await fault.ledger.drop();
  await cluster.stop();
  fault.report.write(ROWS);
});

describe('a name that comes to mean the standby', () => {
  it('makes producers fail with an error that says so and workers wait without spinning; both go on when it is right again', async () => {
    cluster = await Cluster.start('standby');
    fault = new FaultTest(23, 'connected to a standby', cluster, shared);
    await fault.ledger.create();
    const { report } = fault;
    const queue = fault.newQueue();
    const proxy = await Proxy.before(cluster.primary.url);
    fault.afterwards(() => proxy.close());
    const jobs = (await fault.producer({ connection: proxy.url, connectTimeout: 2_000 })).queue(queue);
    const worker = await fault.worker(queue, { concurrency: 5 }, { url: proxy.url });
    const before = work(50, 'before-', () => ({ ms: 20 }));
    await jobs.addBulk(before.jobs);
    await fault.ledger.quiet(queue, before.keys, 10_000);
    const running = work(5, 'running-', () => ({ ms: 1_500 }));
    await jobs.addBulk(running.jobs);
    await until('all to have begun', async () => (await fault.ledger.runs(queue)).length === 55);
    proxy.retarget(cluster.standby.url);
    proxy.reset();
    report.injected('names turned to the standby');
    const refuse = async (): Promise<Error> => {
      try {
        await jobs.add('work', { k: 'refused' });
      } catch (error) {
        return error as Error;
      }
      return new Error('it was added');
    };
    let refused = await refuse();
    // connections that were cut with a statement under way say that first
    for (let i = 0; i < 10 && /broke/.test(refused.message); i++) refused = await refuse();
    expect(refused.name).toMatch(/^(StandbyError|DatabaseUnavailableError)$/);
    expect(refused.message).toMatch(/standby|read-only|recovery/i);
    report.note(`add() fails with ${refused.name}`);
    const [connected, cpu] = [proxy.connected, cpuOf(worker.pid)];
    const watched = scaled(15_000, 4_000);
    await sleep(watched);
    const perSecond = (proxy.connected - connected) / (watched / 1000);
    report.note(`${perSecond.toFixed(1)} connections/s meanwhile`);
    expect(proxy.connected).toBeGreaterThan(connected);
    expect(perSecond).toBeLessThan(20);
    expect(cpuOf(worker.pid) - cpu, 'ms of CPU').toBeLessThan(watched / 5);
    expect(worker.isRunning).toBe(true);
    proxy.retarget(cluster.primary.url);
    proxy.reset();
    const backAt = Date.now();
    const after = work(20, 'after-');
    await jobs.addBulk(after.jobs);
    const keys = [...before.keys, ...running.keys, ...after.keys];
    await fault.ledger.quiet(queue, keys, 30_000);
    report.recovered(Date.now() - backAt);
    await fault.account(queue, keys);
  });
});

/** CPU time of a process: ms. */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}
