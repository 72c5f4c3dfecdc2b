import { afterAll, describe, expect, it } from 'vitest';
import { testDatabase } from '../support/database.js';
import { until } from '../support/signals.js';
import { Cluster } from './support/cluster.js';
import { FaultTest, ROWS } from './support/fault-test.js';
import { type Excuse, LOST_LEASE } from './support/ledger.js';
import { scaled, sleep } from './support/setting.js';

const shared = testDatabase();
const clusters: Cluster[] = [];
const faults: FaultTest[] = [];
let fault: FaultTest;

/** A pair of servers of a test's own: after a failover it is none any more. */
async function begin(synchronous: boolean): Promise<Cluster> {
  const cluster = await Cluster.start(`failover_${synchronous ? 'sync' : 'async'}`, { synchronous });
  clusters.push(cluster);
  fault = new FaultTest(3, 'failover', cluster, shared, faults[0]?.report);
  faults.push(fault);
  await fault.ledger.create();
  return cluster;
}

afterAll(async () => {
  for (const one of faults) await one.end();
  for (const one of faults) await one.ledger.drop();
  for (const cluster of clusters) await cluster.stop();
  faults[0]?.report.write(ROWS);
});

interface Load {
  readonly acknowledged: { readonly key: string; readonly at: number }[];
  readonly stop: () => Promise<void>;
}

/** Adds jobs all the time; remembers those whose add() has returned. */
async function load(queue: string): Promise<Load> {
  const jobs = (await fault.producer({ connection: fault.database.url })).queue(queue);
  const acknowledged: Load['acknowledged'] = [];
  let isOn = true;
  const lines = [1, 2, 3].map(async (line) => {
    for (let i = 0; isOn; i++) {
      const key = `${line}-${i}`;
      try {
        await jobs.add('work', { k: key, ms: fault.random.between(0, 60) }, { uniqueKey: key });
        acknowledged.push({ key, at: Date.now() });
      } catch {
        await sleep(50);
      }
    }
  });
  return {
    acknowledged,
    async stop() {
      isOn = false;
      await Promise.all(lines);
    },
  };
}

/** No job ended under the id of another. */
async function eachItsOwn(queue: string): Promise<void> {
  const s = fault.database.schema;
  const { rows } = await fault.database.client.query(
    `select e.job_id, e.payload, r.output from ${s}.entry e join ${s}.queue q on q.queue_id = e.queue_id and q.name = $1
join ${s}.result r on r.queue_id = e.queue_id and r.job_id = e.job_id and r.run = e.run and r.state = 'c'
where r.output::jsonb->>'k' is distinct from e.payload::jsonb->>'k'`,
    [queue],
  );
  expect(rows).toEqual([]);
}

describe('a failover to the standby, under load', () => {
  it('when it is synchronous: no job whose add() returned is lost', async () => {
    const cluster = await begin(true);
    const { report } = fault;
    const queue = fault.newQueue();
    for (let i = 0; i < 2; i++) await fault.worker(queue, { concurrency: 10 });
    const { acknowledged, stop } = await load(queue);
    await until('some to be done', async () => (await fault.ledger.done(queue)) > 50);
    await sleep(scaled(4_000, 1_000));
    const downAt = Date.now();
    await cluster.primary.end('immediate');
    await cluster.promote();
    await fault.reconnect();
    report.injected('synchronous standbys promoted');
    const upAt = Date.now();
    await until(
      'work to go on',
      async () => (await fault.ledger.runs(queue)).some(({ started }) => started > upAt),
      30_000,
    );
    report.recovered((await fault.ledger.runs(queue)).find(({ started }) => started > upAt)!.started - downAt);
    await sleep(scaled(4_000, 1_000));
    await stop();
    expect(acknowledged.some(({ at }) => at > upAt)).toBe(true);
    const keys = acknowledged.map(({ key }) => key);
    const ends = await fault.ledger.quiet(queue, keys, 60_000);
    expect([...ends.values()].filter((end) => end !== 'c')).toEqual([]);
    // leases are not waited for: a run whose lease did not get across is handed out again
    const excuse: Excuse = (run) =>
      run.started < upAt && (run.ended ?? Infinity) > downAt - 2_000 ? LOST_LEASE : undefined;
    await fault.account(queue, keys, excuse);
    await eachItsOwn(queue);
    expect(fault.processes.every(({ isRunning }) => isRunning)).toBe(true);
    await fault.end();
  });

  it('when it is asynchronous: what did not get across is lost, and nothing else; ids that come again finish no other job', async () => {
    const cluster = await begin(false);
    const { report } = fault;
    const queue = fault.newQueue();
    for (let i = 0; i < 2; i++) await fault.worker(queue, { concurrency: 10 });
    const { acknowledged, stop } = await load(queue);
    await until('some to be done', async () => (await fault.ledger.done(queue)) > 50);
    await sleep(scaled(3_000, 500));
    // the standby falls behind
    const { rows } = await cluster.client.query('select pid from pg_stat_replication');
    process.kill(rows[0].pid, 'SIGSTOP');
    const behindAt = Date.now();
    await sleep(scaled(2_000, 800));
    const downAt = Date.now();
    const down = cluster.primary.end('immediate');
    // a stopped process does not see that it is to end
    process.kill(rows[0].pid, 'SIGKILL');
    await down;
    await cluster.promote();
    await fault.reconnect();
    report.injected('asynchronous standbys promoted, behind');
    const upAt = Date.now();
    await until(
      'work to go on',
      async () => (await fault.ledger.runs(queue)).some(({ started }) => started > upAt),
      30_000,
    );
    report.recovered((await fault.ledger.runs(queue)).find(({ started }) => started > upAt)!.started - downAt);
    await sleep(scaled(5_000, 2_000));
    await stop();
    const there = await fault.ledger.ends(queue);
    const tail = acknowledged.filter(({ key }) => !there.has(key));
    expect(tail.length).toBeGreaterThan(0);
    // nothing else is lost than what was added while the standby was behind
    expect(tail.filter(({ at }) => at < behindAt - 100 || at > upAt)).toEqual([]);
    const keys = acknowledged.map(({ key }) => key).filter((key) => there.has(key));
    const ends = await fault.ledger.quiet(queue, keys, 60_000);
    expect([...ends.values()].filter((end) => end !== 'c')).toEqual([]);
    const excuse: Excuse = (run) =>
      run.started < upAt && (run.ended ?? Infinity) > behindAt - 1_000 ? LOST_LEASE : undefined;
    await fault.account(queue, keys, excuse);
    const ran = new Set(
      (await fault.ledger.runs(queue)).filter(({ outcome }) => outcome === 'done').map(({ key }) => key),
    );
    report.jobs(tail.length, tail.filter(({ key }) => !ran.has(key)).length);
    report.note(
      `${tail.length} jobs added while the standby was behind went with the old primary, ${tail.filter(({ key }) => ran.has(key)).length} of them had run`,
    );
    await eachItsOwn(queue);
    expect(fault.processes.every(({ isRunning }) => isRunning)).toBe(true);
    await fault.end();
  });
});
