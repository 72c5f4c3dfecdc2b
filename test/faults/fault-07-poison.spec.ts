import { describe, expect, it } from 'vitest';
import { until } from '../support/signals.js';
import { faultTest, work } from './support/fault-test.js';
import { isShort, scaled, sleep, WATCHED } from './support/setting.js';

const fault = faultTest(7, 'poison job');
const { report } = fault;

describe('a job that ends its process', () => {
  it.each(isShort ? ['crash'] : ['crash', 'exit'])(
    'is dead as stalled after exactly four runs, of which the last two were alone, and buries nobody with it (%s)',
    async (poison) => {
      const queue = fault.newQueue();
      const jobs = (await fault.producer()).queue(queue);
      const start = async (): Promise<unknown> => fault.worker(queue, { concurrency: 5 });
      for (let i = 0; i < 3; i++) await start();
      await sleep(WATCHED);
      // what stands beside it in the line is leased with it
      const beside = work(scaled(300, 120), `${poison}-beside-`, () => ({ ms: 150 }));
      const half = beside.jobs.length >> 1;
      await jobs.addBulk(beside.jobs.slice(0, half));
      const poisonous = await jobs.add(poison, { k: `${poison}!` }, { priority: 0 });
      await jobs.addBulk(beside.jobs.slice(half));
      let restarted = 0;
      await until(
        'the job to be dead',
        async () => {
          const gone = fault.processes.filter(({ isRunning }) => !isRunning).length;
          if (gone > restarted) {
            restarted++;
            report.injected(`processes that ${poison === 'exit' ? 'the job ended' : 'crashed in the job'}`);
            await start();
          }
          await sleep(200);
          return (await poisonous.getState()) === 'failed';
        },
        90_000,
      );
      const ends = await fault.ledger.quiet(queue, beside.keys, 60_000);
      const dead = (await jobs.getJob(poisonous.id))!;
      expect(dead.failedReason).toMatch(/stalled/);
      const { rows } = await fault.database.client.query(
        `select job_id::text as id, reason from ${fault.database.schema}.dead where payload::jsonb->>'k' like $1`,
        [`${poison}%`],
      );
      expect(rows).toEqual([{ id: poisonous.id, reason: 'stalled' }]);
      const runs = await fault.ledger.runs(queue);
      const its = runs.filter(({ key }) => key === `${poison}!`);
      expect(its).toHaveLength(4);
      expect(new Set(its.map(({ pid }) => pid)).size).toBe(4);
      // its runs are no attempts
      expect(its.map(({ attempt }) => attempt)).toEqual([1, 1, 1, 1]);
      expect(restarted).toBe(4);
      expect(beside.keys.map((key) => ends.get(key)).filter((end) => end !== 'c')).toEqual([]);
      const killers = new Set(its.map(({ pid }) => pid));
      const judgement = await fault.account(
        queue,
        beside.keys,
        (run) => {
          if (run.key === `${poison}!`) return 'it ended its own process, and may twice, and twice alone';
          return killers.has(run.pid) ? 'it ran beside the job that ended the process' : undefined;
        },
        [`${poison}!`],
      );
      // lost beside it at most twice, and then alone itself
      expect(beside.keys.filter((key) => judgement.runs.get(key)!.length > 3)).toEqual([]);
    },
  );
});

describe('a job that cannot end well', () => {
  it('gets exactly its attempts, whatever it throws, and its neighbours complete', async () => {
    const queue = fault.newQueue();
    const jobs = (await fault.producer()).queue(queue);
    const options = { attempts: 3, backoff: 10 };
    const beside = work(50, 'fine-');
    const bad = [
      { name: 'throws', data: { k: 'throws' }, options },
      { name: 'nul', data: { k: 'nul' }, options },
      ...['undefined', 'null', 'string', 'frozen', 'proxy', 'throwingMessage'].map((odd) => ({
        name: 'throwsOdd',
        data: { k: odd, odd },
        options,
      })),
      { name: 'never', data: { k: 'never' }, options: { ...options, timeout: 200 } },
    ];
    await fault.worker(queue);
    const added = [];
    for (const { name, data, options: its } of bad) added.push(await jobs.add(name, data, its));
    await jobs.addBulk(beside.jobs);
    report.injected('jobs that throw or never end', bad.length);
    await fault.ledger.quiet(queue, [...beside.keys, ...bad.map(({ data: { k } }) => k)], 20_000);
    for (const [i, { id }] of added.entries()) {
      const job = (await jobs.getJob(id))!;
      expect(await job.getState(), bad[i]!.data.k).toBe('failed');
      expect(job.attemptsMade, bad[i]!.data.k).toBe(3);
      expect(job.stacktrace, bad[i]!.data.k).toHaveLength(3);
    }
    const { runs } = await fault.account(
      queue,
      beside.keys,
      (run) => (run.name === 'work' ? undefined : 'its attempt failed, and it had more'),
      bad.map(({ data: { k } }) => k),
    );
    for (const { data } of bad) expect(runs.get(data.k)!.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
  });
});
