import { describe, expect, it } from 'vitest';
import { until } from '../support/signals.js';
import { faultTest, work } from './support/fault-test.js';
import { isShort, scaled, sleep, WATCHED } from './support/setting.js';

const fault = faultTest(17, 'blocked event loop');
const { report } = fault;

describe('a handler that blocks its process', () => {
  it('is not taken for dead: its job and what it holds beside run once', async () => {
    const queue = fault.newQueue();
    const jobs = (await fault.producer()).queue(queue);
    const blocked = await fault.worker(queue, { concurrency: 3 });
    const block = scaled(60_000, 13_000);
    await jobs.add('block', { k: 'block', ms: block });
    const beside = work(2, 'beside-', () => ({ ms: 500 }));
    await jobs.addBulk(beside.jobs);
    await blocked.tells('blocking');
    const began = performance.now();
    await fault.worker(queue, { concurrency: 3 });
    const others = work(20, 'others-', () => ({ ms: 50 }));
    await jobs.addBulk(others.jobs);
    // the others' jobs do not wait for it
    await fault.ledger.quiet(queue, others.keys, 10_000);
    await blocked.tells('unblocked', block + 20_000);
    expect(performance.now() - began).toBeGreaterThan(block * 0.9);
    report.injected(`event loop blocked for ${block / 1000} s`);
    const keys = ['block', ...beside.keys, ...others.keys];
    await fault.ledger.quiet(queue, keys, 20_000);
    await fault.account(queue, keys);
    const { rows } = await fault.database.client.query(`select dead from ${fault.database.schema}.worker`);
    expect(rows.map(({ dead }) => dead)).toEqual([false, false]);
  });

  it('and whose LISTEN connection is cut is dead for the others; what it completes late is refused', async () => {
    const queue = fault.newQueue();
    const jobs = (await fault.producer()).queue(queue);
    const name = 'blocked-and-cut';
    const blocked = await fault.worker(queue, { concurrency: 1 }, { url: fault.named(name) });
    const spin = 9_000;
    const other = await fault.worker(queue, { concurrency: 2 });
    await sleep(WATCHED);
    await jobs.pause();
    other.process.kill('SIGSTOP');
    await jobs.resume();
    await jobs.add('lateTx', { k: 'late', spin, tell: true });
    await blocked.tells('began');
    await sleep(100);
    other.process.kill('SIGCONT');
    const { rows } = await fault.database.client.query(
      `select pg_terminate_backend(a.pid) as cut from pg_stat_activity a
where a.application_name = $1 and exists (select from pg_locks l where l.pid = a.pid and l.locktype = 'advisory')`,
      [name],
    );
    expect(rows).toEqual([{ cut: true }]);
    report.injected('LISTEN connections cut while blocked');
    const cutAt = Date.now();
    await until(
      'the job to run elsewhere',
      async () => (await fault.ledger.runs(queue)).some(({ pid }) => pid === other.pid),
      15_000,
    );
    const again = (await fault.ledger.runs(queue)).find(({ pid }) => pid === other.pid)!;
    report.recovered(again.started - cutAt);
    await fault.ledger.quiet(queue, ['late'], 40_000);
    await blocked.tells('refused', 40_000);
    await until('its ledger', async () => (await fault.ledger.runs(queue)).every(({ ended }) => ended !== null));
    const { runs } = await fault.account(queue, ['late'], (run) =>
      run.pid === blocked.pid ? 'its process was cut off and blocked: taken for dead' : undefined,
    );
    expect(runs.get('late')!.map(({ outcome }) => outcome)).toEqual(['refused: LeaseLostError', 'done']);
    expect((await fault.ledger.effects()).get('late')).toBe(1);
    // it goes on under a new id
    other.process.kill('SIGSTOP');
    const after = work(3, 'after-');
    await jobs.addBulk(after.jobs);
    await fault.ledger.quiet(queue, after.keys, 20_000);
    await fault.account(queue, after.keys);
    other.process.kill('SIGCONT');
  });

  it.skipIf(isShort)('without LISTEN is taken for dead after 30 s, and what it completes late is refused', async () => {
    const queue = fault.newQueue();
    const jobs = (await fault.producer()).queue(queue);
    const blocked = await fault.worker(queue, { concurrency: 1 }, { options: { listen: false } });
    await jobs.add('lateTx', { k: 'unheard', spin: 50_000, tell: true });
    await blocked.tells('began');
    const began = Date.now();
    const other = await fault.worker(queue, { concurrency: 2 });
    report.injected('event loop blocked for 50 s without LISTEN');
    await until(
      'the job to run elsewhere',
      async () => (await fault.ledger.runs(queue)).some(({ pid, key }) => pid === other.pid && key === 'unheard'),
      60_000,
    );
    const again = (await fault.ledger.runs(queue)).find(({ pid, key }) => pid === other.pid && key === 'unheard')!;
    expect(again.started - began).toBeGreaterThan(28_000);
    await blocked.tells('refused', 80_000);
    // it blocks that process for as long
    await until(
      'it to be done there',
      async () => (await fault.ledger.runs(queue)).some(({ outcome }) => outcome === 'done'),
      80_000,
    );
    await fault.account(queue, ['unheard'], (run) =>
      run.pid === blocked.pid ? 'its process was silent for 30 s: taken for dead' : undefined,
    );
    expect((await fault.ledger.effects()).get('unheard')).toBe(1);
  });
});
