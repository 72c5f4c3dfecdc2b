import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { until } from '../support/signals.js';
import { faultTest, work } from './support/fault-test.js';
import { ownDatabase } from './support/own-database.js';
import { scaled, sleep } from './support/setting.js';

const MOST = 40;
const database = ownDatabase({ settings: { max_connections: MOST } });
const fault = faultTest(6, 'connections exhausted', { database });
const { report } = fault;

describe('a process whose handlers use up the pool', () => {
  it('is not taken for dead; its jobs complete once when there are clients again', async () => {
    const queue = fault.newQueue();
    const jobs = (await fault.producer()).queue(queue);
    const hogged = await fault.worker(queue, { concurrency: 8 }, { sharedPool: 4 });
    const ms = scaled(40_000, 12_500);
    const hog = work(1, 'hog-', () => ({ clients: 4, ms, tell: true }), 'hogs');
    const beside = work(7, 'beside-', () => ({ ms: 1_000 }));
    await jobs.addBulk([...beside.jobs, ...hog.jobs]);
    await hogged.tells('hogging');
    report.injected(`pools used up for ${ms / 1000} s`);
    await fault.worker(queue, { concurrency: 8 });
    const others = work(30, 'others-', () => ({ ms: 20 }));
    await jobs.addBulk(others.jobs);
    await fault.ledger.quiet(queue, others.keys, 10_000);
    const keys = [...hog.keys, ...beside.keys, ...others.keys];
    await fault.ledger.quiet(queue, keys, ms + 30_000);
    await fault.account(queue, keys);
    const { rows } = await database.client.query(`select dead from ${database.schema}.worker`);
    expect(rows.map(({ dead }) => dead)).toEqual([false, false]);
  });
});

describe('a server that takes no more connections', () => {
  it('lets those work that are connected, and the others as soon as it does again, without a storm', async () => {
    const queue = fault.newQueue();
    const jobs = (await fault.producer()).queue(queue);
    const connected = await fault.worker(queue, { concurrency: 5 });
    await until('it to listen', async () => {
      const { rows } = await database.client.query(`select from pg_locks where locktype = 'advisory'`);
      return rows.length > 0;
    });
    await jobs.addBulk(work(5, 'first-').jobs);
    await fault.ledger.quiet(queue, work(5, 'first-').keys, 10_000);
    // all that are left
    const idle: pg.Client[] = [];
    let full: string | undefined;
    while (full === undefined && idle.length < 2 * MOST) {
      const client = new pg.Client({ connectionString: database.url });
      client.on('error', () => undefined);
      try {
        await client.connect();
        idle.push(client);
      } catch (error) {
        full = (error as { code?: string }).code;
      }
    }
    fault.afterwards(() => Promise.all(idle.map((client) => client.end())));
    expect(full).toBe('53300');
    report.injected('idle sessions until 53300', idle.length);
    const late = fault.spawn({ queues: { [queue]: { concurrency: 5 } } });
    const some = work(100, 'full-', () => ({ ms: 5 }));
    await jobs.addBulk(some.jobs);
    await fault.ledger.quiet(queue, some.keys, 20_000);
    await sleep(scaled(5_000, 1_500));
    expect([connected.isRunning, late.isRunning]).toEqual([true, true]);
    expect(late.told.some(({ event }) => event === 'ready')).toBe(false);
    await Promise.all(idle.splice(0).map((client) => client.end()));
    const freed = Date.now();
    await late.tells('ready');
    report.recovered(Date.now() - freed);
    await fault.account(queue, some.keys);
  });
});
