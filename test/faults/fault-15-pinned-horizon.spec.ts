import { describe, expect, it } from 'vitest';
import { faultTest } from './support/fault-test.js';
import { ownDatabase } from './support/own-database.js';
import { deadRows, expectFlat, pace } from './support/flat.js';
import { scaled } from './support/setting.js';

// alone: snapshots list the transactions of a whole server
const database = ownDatabase();
const fault = faultTest(15, 'pinned xmin horizon', { database });
const { report } = fault;

describe('a transaction that stays open', () => {
  it('costs the queue nothing: as fast, as few blocks for each job, no dead rows', async () => {
    const queue = fault.newQueue();
    await fault.worker(queue, { concurrency: 50 });
    await pace(fault, queue, scaled(5_000, 1_500));
    const before = await pace(fault, queue, scaled(15_000, 6_000));
    const pinning = await fault.database.connect();
    await pinning.query(
      'begin isolation level repeatable read; create temp table pins (x int); select count(*) from pg_class',
    );
    const { rows } = await fault.database.client.query(
      `select pid from pg_stat_activity where backend_xmin is not null and state = 'idle in transaction'`,
    );
    expect(rows.length).toBeGreaterThan(0);
    report.injected('snapshots held, with a transaction id');
    // readers that come and go beside it
    const reader = await fault.database.connect();
    await reader.query('begin isolation level repeatable read; select count(*) from pg_class');
    const middle = await pace(fault, queue, scaled(30_000, 3_000));
    await reader.query('commit; begin isolation level repeatable read; select count(*) from pg_class');
    const during = await pace(fault, queue, scaled(60_000, 4_000));
    expect(await deadRows(fault)).toEqual({});
    expectFlat(fault, before, middle);
    expectFlat(fault, before, during);
    await reader.query('commit');
    await pinning.query('rollback');
    const after = await pace(fault, queue, scaled(5_000, 1_500));
    expect(after.rate).toBeGreaterThan(before.rate * 0.9);
  });
});
