import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { until } from '../support/signals.js';
import { faultTest, work } from './support/fault-test.js';
import { scaled, sleep, WATCHED } from './support/setting.js';

const fault = faultTest(12, 'duplicate identity');
const { report } = fault;
const clones = ['unshare', '--pid', '--fork', '--kill-child'];
const canClone = spawnSync(clones[0]!, [...clones.slice(1), 'true']).status === 0;

describe('two processes of the same host name and process id', () => {
  it.skipIf(!canClone)(
    'share no lease; the death of one takes nothing from the other (needs pid namespaces)',
    async () => {
      const queue = fault.newQueue();
      const jobs = (await fault.producer()).queue(queue);
      const [first, second] = await Promise.all(
        [1, 2].map((as) => fault.worker(queue, { concurrency: 8 }, { prefix: clones, as })),
      );
      const { rows } = await fault.database.client.query(
        `select host, pid, count(*)::int as n, count(distinct worker)::int as ids from ${fault.database.schema}.worker group by 1, 2`,
      );
      expect(rows).toEqual([{ host: expect.any(String), pid: 1, n: 2, ids: 2 }]);
      report.injected('processes of one host and pid', 2);
      const some = work(scaled(2_000, 400), 'shared-', () => ({ ms: 3 }));
      await jobs.addBulk(some.jobs);
      await fault.ledger.quiet(queue, some.keys, 30_000);
      const { runs } = await fault.account(queue, some.keys);
      expect(new Set([...runs.values()].flat().map(({ pid }) => pid))).toEqual(new Set([1, 2]));
      // both hold jobs when one dies
      await sleep(WATCHED);
      const held = work(10, 'held-', () => ({ ms: 1_500 }));
      await jobs.addBulk(held.jobs);
      await until(
        'all to have begun',
        async () => (await fault.ledger.runs(queue)).filter(({ key }) => key.startsWith('held')).length === 10,
      );
      expect(await first!.kill()).toBe(true);
      report.injected('one of them killed');
      await fault.ledger.quiet(queue, held.keys, 90_000);
      await fault.account(queue, held.keys, (run) =>
        run.pid === 1 ? 'its process was killed while it ran' : undefined,
      );
      const again = (await fault.ledger.runs(queue)).filter(({ key, pid }) => key.startsWith('held') && pid === 2);
      report.recovered(
        Math.min(...again.map(({ started }) => started).filter((at) => at > first!.killedAt!)) - first!.killedAt!,
      );
      expect(second!.isRunning).toBe(true);
      expect(second!.told.filter(({ text }) => /declared dead/.test(String(text)))).toEqual([]);
    },
  );

  it('that is stopped and goes on later, as a machine that was moved, is still itself', async () => {
    const queue = fault.newQueue();
    const jobs = (await fault.producer()).queue(queue);
    const stopped = await fault.worker(queue, { concurrency: 3 });
    const held = work(3, 'frozen-', () => ({ ms: 300 }));
    await jobs.addBulk(held.jobs);
    await until('all to have begun', async () => (await fault.ledger.runs(queue)).length === 3);
    stopped.process.kill('SIGSTOP');
    report.injected('processes stopped for 14 s');
    await fault.worker(queue, { concurrency: 3 });
    await sleep(14_000);
    expect((await fault.ledger.runs(queue)).every(({ ended }) => ended === null)).toBe(true);
    stopped.process.kill('SIGCONT');
    await fault.ledger.quiet(queue, held.keys, 20_000);
    await fault.account(queue, held.keys);
  });
});
