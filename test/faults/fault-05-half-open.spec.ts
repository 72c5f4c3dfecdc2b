import { describe, expect, it } from 'vitest';
import { until } from '../support/signals.js';
import { faultTest, work } from './support/fault-test.js';
import { Proxy } from './support/proxy.js';
import { sleep } from './support/setting.js';

const fault = faultTest(5, 'half-open LISTEN');
const { report } = fault;

/** A proof every 15 s, which may take 5 s: ms. */
const DETECTED = 21_000;

describe('a LISTEN connection that nothing comes through any more', () => {
  it('is noticed and replaced; until then jobs wait for a poll at most', async () => {
    const queue = fault.newQueue();
    const proxy = await Proxy.before(fault.database.url);
    fault.afterwards(() => proxy.close());
    const jobs = (await fault.producer()).queue(queue);
    const pollInterval = 3_000;
    const worker = await fault.worker(queue, { pollInterval }, { url: proxy.url });
    await until('it to listen', () => proxy.links.some(({ listens }) => listens));
    await sleep(200);
    const all: string[] = [];
    const pickup = async (key: string): Promise<number> => {
      const added = Date.now();
      const { jobs: some, keys } = work(1, key);
      all.push(...keys);
      await jobs.addBulk(some);
      await until('it to begin', async () => (await fault.ledger.runs(queue)).some((run) => run.key === keys[0]));
      return (await fault.ledger.runs(queue)).find((run) => run.key === keys[0])!.started - added;
    };
    expect(await pickup('heard-')).toBeLessThan(500);
    const cut = proxy.links.find(({ listens }) => listens)!;
    proxy.setWeather(cut, 'swallow');
    const cutAt = Date.now();
    report.injected('LISTEN sockets black-holed');
    let slowest = 0;
    const noticed = (): boolean =>
      worker.told.some(({ event, text }) => event === 'log' && String(text).includes('LISTEN'));
    for (let i = 0; !noticed() && Date.now() - cutAt < DETECTED + 5_000; i++) {
      slowest = Math.max(slowest, await pickup(`deaf-${i}-`));
      await sleep(700);
    }
    report.recovered(Date.now() - cutAt);
    expect(Date.now() - cutAt, 'noticed after').toBeLessThan(DETECTED);
    // some were not announced, or the socket was not cut at all
    expect(slowest).toBeGreaterThan(700);
    expect(slowest).toBeLessThan(pollInterval + 500);
    report.note(`slowest pick-up meanwhile ${(slowest / 1000).toFixed(1)} s (polls every ${pollInterval / 1000} s)`);
    await until('it to listen again', () => proxy.links.some((link) => link.listens && link !== cut), 10_000);
    await sleep(300);
    expect(await pickup('again-')).toBeLessThan(500);
    await fault.ledger.quiet(queue, all, 10_000);
    await fault.account(queue, all);
  });
});
