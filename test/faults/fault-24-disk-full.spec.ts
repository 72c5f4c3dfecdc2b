import { spawnSync } from 'node:child_process';
import { chownSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { migrationSql } from '../../lib/engine/postgres/migrations/index.js';
import { until } from '../support/signals.js';
import { faultTest, work } from './support/fault-test.js';
import { ownDatabase } from './support/own-database.js';
import { scaled, sleep } from './support/setting.js';

const disk = mkdtempSync(path.join(tmpdir(), 'faults-disk-'));
const canMount = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=48m', 'tmpfs', disk]).status === 0;
const database = ownDatabase({
  before: () => () => {
    if (canMount) spawnSync('umount', [disk]);
    rmSync(disk, { recursive: true, force: true });
  },
});
const fault = faultTest(24, 'disk full', { database });
const { report } = fault;

/** The SQLSTATEs of an error and of what caused it. */
function codes(error: unknown): string[] {
  const { code, cause } = error as { code?: string; cause?: unknown };
  return [...(code === undefined ? [] : [code]), ...(cause === undefined ? [] : codes(cause))];
}

describe.skipIf(!canMount)('a disk that is full (needs the right to mount)', () => {
  it('fails add() loudly; running jobs keep their results, and all goes on by itself when there is room', async () => {
    const { client, schema } = database;
    const space = path.join(disk, 'space');
    mkdirSync(space);
    const { uid, gid } = statSync(database.server.dataDir);
    chownSync(space, uid, gid);
    await client.query(`create tablespace small location '${space}'`);
    // the queue's tables lie there; the log of the server does not
    await client.query(`drop schema ${schema} cascade; set default_tablespace = small`);
    await client.query(migrationSql({ schema }));
    await client.query('reset default_tablespace');
    const queue = fault.newQueue();
    const jobs = (await fault.producer()).queue(queue);
    await fault.worker(queue, { concurrency: 200 });
    const before = work(20, 'before-');
    await jobs.addBulk(before.jobs);
    await fault.ledger.quiet(queue, before.keys, 10_000);
    const running = work(scaled(200, 150), 'running-', () => ({ ms: 3_000 }));
    await jobs.addBulk(running.jobs);
    await until('all to run', async () => (await fault.ledger.runs(queue)).length === running.keys.length + 20);
    const ballast = path.join(disk, 'ballast');
    const filled = spawnSync('dd', ['if=/dev/zero', `of=${ballast}`, 'bs=64k']);
    expect(filled.stderr.toString()).toMatch(/No space left/);
    report.injected('disks filled');
    // what fits into pages that are there is taken; then it is refused, and says why
    const added: string[] = [];
    let refused: unknown;
    for (let i = 0; refused === undefined && i < 200; i++) {
      const some = work(5, `full-${i}-`, () => ({ text: 'x'.repeat(1_000) }));
      try {
        await jobs.addBulk(some.jobs);
        added.push(...some.keys);
      } catch (error) {
        refused = error;
      }
    }
    expect(codes(refused)).toContain('53100');
    report.injected('adds refused with 53100');
    const tx = await database.connect();
    await tx.query('begin');
    const inTransaction = work(50, 'in-tx-', () => ({ text: 'x'.repeat(2_000) }));
    await expect(jobs.addBulk(inTransaction.jobs, { tx })).rejects.toThrow(/No space left/);
    await tx.query('rollback');
    report.injected('adds in a transaction refused');
    await until('all to have ended', async () => (await fault.ledger.done(queue)) >= running.keys.length + 20, 20_000);
    await sleep(scaled(5_000, 1_000));
    expect(fault.processes.every(({ isRunning }) => isRunning)).toBe(true);
    rmSync(ballast);
    const freed = Date.now();
    const after = work(20, 'after-');
    await until('jobs to be taken again', async () =>
      jobs.addBulk(after.jobs).then(
        () => true,
        () => false,
      ),
    );
    const keys = [...before.keys, ...running.keys, ...added, ...after.keys];
    const ends = await fault.ledger.quiet(queue, keys, 30_000);
    report.recovered(Date.now() - freed);
    expect(keys.map((key) => ends.get(key)).filter((end) => end !== 'c')).toEqual([]);
    await fault.account(queue, keys);
    const ran = new Set((await fault.ledger.runs(queue)).map(({ key }) => key));
    expect(inTransaction.keys.filter((key) => ran.has(key))).toEqual([]);
  });
});
