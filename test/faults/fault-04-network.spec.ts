import { describe, expect, it } from 'vitest';
import { until } from '../support/signals.js';
import { faultTest, work } from './support/fault-test.js';
import { hasNamespaces, HERE, OtherHost } from './support/network.js';
import { ownDatabase } from './support/own-database.js';
import { Proxy } from './support/proxy.js';
import { scaled, sleep, WATCHED } from './support/setting.js';

const namespaces = hasNamespaces();
let host: OtherHost;
const database = ownDatabase(
  namespaces
    ? {
        settings: { listen_addresses: `127.0.0.1,${HERE}` },
        hba: ['host all all 10.231.0.0/16 scram-sha-256'],
        before: () => {
          host = OtherHost.open();
          return () => host.close();
        },
      }
    : {},
);
const fault = faultTest(4, 'network', { database });
const { report, random } = fault;

/** A host that was cut off has its jobs taken over within this time: ms. */
const TAKEOVER = 20_000;

/** Jobs run through a proxy while it misbehaves; all run once. */
async function under(count: number, misbehave: (proxy: Proxy) => Promise<void>): Promise<void> {
  const queue = fault.newQueue();
  const proxy = await Proxy.before(database.url);
  fault.afterwards(() => proxy.close());
  const jobs = (await fault.producer()).queue(queue);
  for (let i = 0; i < 2; i++) await fault.worker(queue, { concurrency: 5 }, { url: proxy.url });
  const { jobs: some, keys } = work(count, `${queue}-`, () => ({ ms: random.between(20, 120) }));
  await jobs.addBulk(some);
  await until('it to work', async () => (await fault.ledger.done(queue)) > 10);
  await misbehave(proxy);
  expect(await fault.ledger.done(queue), 'done while it misbehaved').toBeLessThan(count);
  const healed = Date.now();
  await fault.ledger.quiet(queue, keys, 60_000);
  const next = (await fault.ledger.runs(queue)).find(({ started }) => started > healed);
  if (next !== undefined) report.recovered(next.started - healed);
  // in one attempt, unless it was silent for so long that it was taken for dead, and says so
  await fault.account(queue, keys, (run) => {
    const its = fault.processes.find(({ pid }) => pid === run.pid);
    const dead = its?.told.some(({ event, text }) => event === 'log' && /was declared dead/.test(String(text)));
    return dead === true ? 'its process got nothing through for 3 s and was taken for dead' : undefined;
  });
}

describe('jobs run once although', () => {
  it('connections are reset again and again', async () => {
    await under(scaled(1_000, 400), async (proxy) => {
      for (let i = 0; i < scaled(12, 5); i++) {
        await sleep(random.between(100, 500));
        const broken = proxy.reset();
        expect(broken).toBeGreaterThan(0);
        report.injected('connections reset', broken);
      }
    });
  });

  it('connections are closed on one side only', async () => {
    await under(scaled(1_000, 400), async (proxy) => {
      for (let i = 0; i < scaled(8, 4); i++) {
        await sleep(random.between(100, 600));
        const broken = proxy.halfClose();
        expect(broken).toBeGreaterThan(0);
        report.injected('connections half-closed', broken);
      }
    });
  });

  it('everything takes 2 s', async () => {
    await under(scaled(800, 600), async (proxy) => {
      proxy.weather = 'slow';
      await sleep(scaled(10_000, 5_000));
      expect(proxy.links.length).toBeGreaterThan(0);
      report.injected('connections slowed by 2 s', proxy.links.length);
      proxy.weather = 'well';
    });
  });

  it('nothing gets through for a while', async () => {
    await under(scaled(800, 400), async (proxy) => {
      proxy.weather = 'stall';
      await sleep(scaled(12_000, 6_000));
      expect(proxy.links.length).toBeGreaterThan(0);
      report.injected('connections stalled', proxy.links.length);
      proxy.weather = 'well';
    });
  });
});

describe.skipIf(!namespaces)('a host that is cut off the network (needs network namespaces)', () => {
  it('has its jobs taken over within 20 s; when it is back, what it completes late is refused, and it goes on', async () => {
    const queue = fault.newQueue();
    const url = new URL(database.url);
    url.hostname = HERE;
    const { jobs: some, keys } = work(3, 'cut-', () => ({}), 'late');
    const jobs = (await fault.producer()).queue(queue);
    const there = await fault.worker(
      queue,
      { concurrency: 3 },
      // its ledger as well goes over the network
      { url: url.href, ledgerUrl: url.href, prefix: host.prefix },
    );
    await jobs.addBulk(some);
    await until('its jobs to have begun', async () => (await fault.ledger.runs(queue)).length === keys.length);
    const here = await fault.worker(queue, { concurrency: 3 });
    await sleep(WATCHED);
    host.cut();
    const cutAt = Date.now();
    report.injected('hosts cut off');
    await until(
      'its jobs to run elsewhere',
      async () => (await fault.ledger.runs(queue)).some(({ pid }) => pid === here.pid),
      30_000,
    );
    const took = (await fault.ledger.runs(queue)).find(({ pid }) => pid === here.pid)!.started - cutAt;
    report.recovered(took);
    expect(took).toBeLessThan(TAKEOVER);
    // nothing was heard of it: it was cut off indeed
    const { rows } = await database.client.query(`select dead from ${database.schema}.worker where pid = $1`, [
      there.pid,
    ]);
    expect(rows.every(({ dead }) => dead)).toBe(true);
    host.heal();
    await until(
      'its handlers to be refused',
      () => there.told.filter(({ event }) => event === 'refused').length === 3,
      60_000,
    );
    const runs = await fault.ledger.runs(queue);
    expect(
      runs.filter(({ pid, started }) => pid === there.pid && started < cutAt).map(({ outcome }) => outcome),
    ).toEqual(keys.map(() => 'refused: LeaseLostError'));
    // it goes on, under a new id
    await here.kill();
    const after = work(5, 'after-');
    await jobs.addBulk(after.jobs);
    await fault.ledger.quiet(queue, after.keys, 20_000);
    await fault.account(queue, after.keys);
    expect(
      (await fault.ledger.runs(queue)).filter(({ key }) => after.keys.includes(key)).map(({ pid }) => pid),
    ).toEqual(after.keys.map(() => there.pid));
    report.jobs(keys.length);
    report.repeated('its host was cut off while it ran', runs.length - keys.length);
    expect([...(await fault.ledger.effects()).keys()].filter((key) => keys.includes(key))).toEqual([]);
  });
});
