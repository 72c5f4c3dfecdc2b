import { describe, expect, it } from 'vitest';
import { until } from '../support/signals.js';
import { faultTest } from './support/fault-test.js';
import { scaled } from './support/setting.js';

const fault = faultTest(8, 'large payloads');
const { report } = fault;
const MB = 1024 * 1024;

async function refusal(work: () => Promise<unknown>): Promise<Error> {
  try {
    await work();
  } catch (error) {
    return error as Error;
  }
  return new Error('it was not refused');
}

describe('data of many megabytes', () => {
  it('is refused before any SQL beyond the limit, quickly and saying so', async () => {
    const jobs = (await fault.producer()).queue(fault.newQueue());
    for (const size of scaled([2, 10, 100], [2, 10])) {
      const blob = 'x'.repeat(size * MB);
      const began = performance.now();
      const refused = await refusal(async () => jobs.add('work', { k: 'large', blob }));
      expect(refused.name).toBe('InvalidJobError');
      expect(refused.message).toMatch(/data/);
      expect(performance.now() - began).toBeLessThan(2_000);
      report.injected(`payloads of ${size} MB refused`);
    }
    const { rows } = await fault.database.client.query(
      `select count(*)::int as n from ${fault.database.schema}.entry where queue_id > 0`,
    );
    expect(rows[0].n).toBe(0);
  });

  it('within the limit goes through; a claim takes no more than about 8 MB', async () => {
    const queue = fault.newQueue();
    const options = { maxDataBytes: 20 * MB };
    const jobs = (await fault.producer(options)).queue(queue);
    const child = await fault.worker(queue, { concurrency: 50 }, { options, mode: 'watchesLoop' });
    await jobs.pause();
    const small = scaled(50, 20);
    const large = scaled(6, 2);
    const keys: string[] = [];
    const add = async (count: number, size: number): Promise<void> => {
      for (let i = 0; i < count; i++) {
        const k = `${size}-${i}`;
        keys.push(k);
        await jobs.add('work', { k, blob: 'x'.repeat(size * MB) });
      }
    };
    await add(small, 1);
    await add(large, 10);
    await jobs.resume();
    report.injected('payloads of 1 MB', small);
    report.injected('payloads of 10 MB', large);
    await until('all to be done', async () => (await fault.ledger.done(queue)) === keys.length, 60_000);
    await fault.ledger.quiet(queue, keys, 20_000);
    await fault.account(queue, keys);
    const s = fault.database.schema;
    const { rows } = await fault.database.client.query(
      `select max(cardinality(l.job_ids)) as most, max(x.bytes)::int as bytes from ${s}.lease l join ${s}.queue q using (queue_id),
lateral (select coalesce(sum(length(e.payload)), 0) as bytes from ${s}.entry e where e.queue_id = l.queue_id and e.job_id = any(l.job_ids)) x
where q.name = $1`,
      [queue],
    );
    expect(rows[0].most).toBeLessThan(10);
    // the last one may go over
    expect(rows[0].bytes).toBeLessThan(19 * MB);
    const delay = Math.max(...child.told.filter(({ event }) => event === 'delay').map(({ max }) => max as number));
    report.note(
      `a claim had ${rows[0].most} jobs and ${(rows[0].bytes / MB).toFixed(0)} MB at most; the event loop stood still for ${delay.toFixed(0)} ms at most`,
    );
  });
});
