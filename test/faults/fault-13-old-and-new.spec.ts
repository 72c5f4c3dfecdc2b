import path from 'node:path';
import type pg from 'pg';
import { beforeAll, describe, expect, it } from 'vitest';
import { until } from '../support/signals.js';
import { faultTest, killed, work } from './support/fault-test.js';
import { buildChild } from './support/build-child.js';
import { hasOldCode, oldCode } from './support/old-code.js';
import { scaled, sleep } from './support/setting.js';

const fault = faultTest(13, 'old and new code', { migrated: false });
const { report } = fault;
let old: string;

beforeAll(async () => {
  if (!hasOldCode) return;
  const root = oldCode();
  old = await buildChild(root, path.join(root, 'worker.mjs'));
});

const version = async (): Promise<number> =>
  (await fault.database.client.query(`select version from ${fault.database.schema}.schema_version`)).rows[0].version;

/** Adds jobs, one transaction each: plain ones, delayed ones, and some whose unique key is used again and again. */
async function loadOn(queue: string): Promise<{ after: (more: number) => Promise<string[]> }> {
  const client = await fault.database.connect();
  const keys: string[] = [];
  let isOn = true;
  const adding = (async () => {
    for (let i = 0; isOn; i++) {
      const options = i % 5 === 0 ? { delay: '50ms' } : i % 7 === 0 ? { uniqueKey: `again-${i % 4}` } : {};
      const data = JSON.stringify({ k: `load-${i}`, ms: 1 });
      const add = `select ${fault.database.schema}.add($1, 'work', $2, $3) as id`;
      const { rows } = await client.query(add, [queue, data, JSON.stringify(options)]);
      if ('uniqueKey' in options && !(await isNew(client, queue, rows[0].id, `load-${i}`))) continue;
      keys.push(`load-${i}`);
    }
  })();
  return {
    after: async (more) => {
      const enough = keys.length + more;
      await until('more to be added', () => keys.length >= enough);
      isOn = false;
      await adding;
      return keys;
    },
  };
}

/** Whether an add made a job, and did not find another by its unique key. */
async function isNew(client: pg.Client, queue: string, id: string, key: string): Promise<boolean> {
  const { schema } = fault.database;
  const job = `select ${schema}.job_record(queue_id, $2)->>'data' as data from ${schema}.queue where name = $1`;
  const { rows } = await client.query<{ data: string }>(job, [queue, id]);
  return (JSON.parse(rows[0]!.data) as { k: string }).k === key;
}

describe.skipIf(!hasOldCode)('a release and the one before on one schema (needs the history)', () => {
  it('old processes go on while a new one migrates, and while both work; and they start on the new schema, as when a release is taken back', async () => {
    const queue = fault.newQueue();
    const first = await fault.worker(queue, { concurrency: 3, names: ['work', 'aborts', 'oldOnly'] }, { script: old });
    const before = await version();
    report.injected('old processes');
    // the new code migrates under the old one’s feet, while jobs are added, as a trigger would, and run
    const load = await loadOn(queue);
    await until('the old process to be at work', async () => (await fault.ledger.done(queue)) > 50);
    const fresh = await fault.worker(queue, { concurrency: 3, names: ['work', 'newOnly'] });
    report.injected('new processes that migrate');
    expect(await version()).toBeGreaterThan(before);
    const loaded = await load.after(100);
    report.note(`${loaded.length} jobs were added by SQL while it was migrated`);
    const jobs = (await fault.producer()).queue(queue);
    const mixed = work(scaled(2_000, 400), 'mixed-', () => ({ ms: 3 }));
    // longer than a watcher watches before it judges
    const long = work(2, 'long-', () => ({ ms: scaled(40_000, 14_000) }));
    await jobs.addBulk([...long.jobs, ...mixed.jobs]);
    const others = work(10, 'of-new-', () => ({}), 'newOnly');
    await jobs.addBulk(others.jobs);
    const olds = work(10, 'of-old-', () => ({}), 'oldOnly');
    await jobs.addBulk(olds.jobs);
    const keys = [...loaded, ...mixed.keys, ...others.keys, ...olds.keys];
    await fault.ledger.quiet(queue, keys, 30_000);
    const runs = await fault.ledger.runs(queue);
    expect(new Set(runs.map(({ pid }) => pid))).toEqual(new Set([first.pid, fresh.pid]));
    expect(runs.filter(({ name, pid }) => name === 'newOnly' && pid !== fresh.pid)).toEqual([]);
    expect(runs.filter(({ name, pid }) => name === 'oldOnly' && pid !== first.pid)).toEqual([]);
    // the release is taken back
    const again = await fault.worker(queue, { concurrency: 3 }, { script: old });
    report.injected('old processes started on the new schema');
    await fault.ledger.quiet(queue, long.keys, 60_000);
    await fault.account(queue, [...keys, ...long.keys]);
    await fresh.kill('SIGTERM');
    await first.kill('SIGTERM');
    const after = work(50, 'after-');
    await jobs.addBulk(after.jobs);
    await fault.ledger.quiet(queue, after.keys, 20_000);
    await fault.account(queue, after.keys);
    expect(again.isRunning).toBe(true);
  });

  it('a killed old process’s jobs are taken over by a new one', async () => {
    const queue = fault.newQueue();
    const jobs = (await fault.producer()).queue(queue);
    const fresh = await fault.worker(queue, { concurrency: 3 });
    const first = await fault.worker(queue, { concurrency: 3 }, { script: old });
    process.kill(fresh.pid, 'SIGSTOP');
    const held = work(3, 'held-', () => ({ ms: 2_000, tell: true }));
    await jobs.addBulk(held.jobs);
    await until('all to have begun', () => first.told.filter(({ event }) => event === 'began').length === 3);
    expect(await first.kill()).toBe(true);
    process.kill(fresh.pid, 'SIGCONT');
    report.injected('old processes killed');
    await fault.ledger.quiet(queue, held.keys, 60_000);
    const next = (await fault.ledger.runs(queue)).find(({ pid }) => pid === fresh.pid)!;
    report.recovered(next.started - first.killedAt!);
    await fault.account(queue, held.keys, killed(fault.processes));
    await sleep(100);
  });
});
