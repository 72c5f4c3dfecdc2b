import { describe, expect, it } from 'vitest';
import { faultTest } from './support/fault-test.js';
import { deadRows, expectFlat, pace } from './support/flat.js';
import { ownDatabase } from './support/own-database.js';
import { scaled } from './support/setting.js';

const database = ownDatabase({ settings: { wal_level: 'logical' } });
const fault = faultTest(16, 'unconsumed replication slot', { database });
const { report } = fault;

describe('a logical slot that nobody reads, and a standby whose query is reported back', () => {
  it('cost the queue nothing but the WAL that is kept', async () => {
    const queue = fault.newQueue();
    await fault.worker(queue, { concurrency: 50 });
    await pace(fault, queue, scaled(5_000, 1_500));
    const before = await pace(fault, queue, scaled(15_000, 6_000));
    const { client } = database;
    await client.query(`select pg_create_logical_replication_slot('unread', 'test_decoding')`);
    fault.afterwards(() => client.query(`select pg_drop_replication_slot('unread')`));
    report.injected('logical slots unread');
    // what hot_standby_feedback does to the primary: a snapshot that is as old as the standby's query
    const feedback = await database.connect();
    await feedback.query('begin isolation level repeatable read; select count(*) from pg_class');
    report.injected('old snapshots in place of a standby’s feedback');
    const during = await pace(fault, queue, scaled(60_000, 5_000));
    const { rows } = await client.query(
      `select catalog_xmin is not null as pinned, pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::float8 as kept from pg_replication_slots`,
    );
    expect(rows[0].pinned).toBe(true);
    expect(rows[0].kept).toBeGreaterThan(0);
    report.note(`${(rows[0].kept / 1024 / 1024).toFixed(0)} MB of WAL kept for it`);
    expect(await deadRows(fault)).toEqual({});
    expectFlat(fault, before, during);
    await feedback.query('rollback');
  });
});
