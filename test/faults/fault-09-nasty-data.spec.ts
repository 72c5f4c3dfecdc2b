import { describe, expect, it } from 'vitest';
import { faultTest, work } from './support/fault-test.js';
import { scaled } from './support/setting.js';

const fault = faultTest(9, 'nasty data');
const { report, random } = fault;

function nested(levels: number): unknown {
  let value: unknown = 1;
  for (let i = 0; i < levels; i++) value = i % 2 === 0 ? [value] : { a: value };
  return value;
}

const circular: Record<string, unknown> = {};
circular['self'] = circular;

/** Each makes a value that somebody will give one day. */
const NASTY: (() => unknown)[] = [
  () => 'a\0b',
  () => '\uD800',
  () => '\uDFFF\uD800',
  () => '\u2028\u001e\u001f\u0001',
  () => '😀\u{10FFFF}',
  () => Number.POSITIVE_INFINITY,
  () => Number.NaN,
  () => -0,
  () => JSON.parse('1e308') * 10,
  () => Number.MAX_SAFE_INTEGER + 2,
  () => 10n ** 40n,
  () => new Date('2024-02-29T23:59:60Z'),
  () => new Date(0),
  () => JSON.parse('{"__proto__": {"polluted": true}}'),
  () => JSON.parse('{"constructor": {"prototype": {"polluted": true}}}'),
  () => nested(90),
  () => nested(10_000),
  () => circular,
  () => undefined,
  () => () => 1,
  () => Symbol('s'),
  () => new Map([[1, 2]]),
  () => new Set([1]),
  () => Buffer.from('bytes'),
  () => new Error('an error'),
  () => Object.create(null, { k: { value: 1, enumerable: true } }),
  () => ({
    toJSON() {
      throw new Error('toJSON');
    },
  }),
  () => ({
    get trap() {
      throw new Error('a getter');
    },
  }),
  () =>
    new Proxy(
      {},
      {
        ownKeys: () => {
          throw new Error('a trap');
        },
      },
    ),
  () => Array.from({ length: 3 }),
  () => '\\u0000 and "quotes" and $1 and {} and \\',
];

describe('data that is hard to store', () => {
  it('is refused with a typed error before any SQL, or arrives as JSON has it; no neighbour suffers', async () => {
    const queue = fault.newQueue();
    const jobs = (await fault.producer()).queue(queue);
    await fault.worker(queue, { concurrency: 20 });
    const fine: string[] = [];
    const given = new Map<string, string>();
    const refusals: string[] = [];
    const rounds = scaled(400, 80);
    for (let i = 0; i < rounds; i++) {
      const k = `nasty-${i}`;
      const value = random.of(NASTY)();
      const data = random.of([
        { k, value },
        { k, deep: { list: [1, value, { value }] } },
        { k, value, other: random.of(NASTY)() },
      ]);
      const beside = work(2, `beside-${i}-`);
      try {
        const [added] = await jobs.addBulk([{ name: 'echo', data }, ...beside.jobs]);
        given.set(k, added!.id);
        expect(added!.data, 'what JSON makes of it').toEqual(JSON.parse(JSON.stringify(data)));
        fine.push(k, ...beside.keys);
      } catch (error) {
        refusals.push(String(error));
        // all or none: they may be added alone
        await jobs.addBulk(beside.jobs);
        fine.push(...beside.keys);
      }
    }
    expect(given.size).toBeGreaterThan(0);
    expect(refusals.length).toBeGreaterThan(0);
    expect(refusals.filter((text) => !/^InvalidJobError: .*jobs\[0\]\.data/s.test(text))).toEqual([]);
    report.injected('nasty values', rounds);
    report.note(`${refusals.length} refused with InvalidJobError, ${given.size} stored as JSON has them`);
    await fault.ledger.quiet(queue, fine, 30_000);
    for (const id of given.values()) {
      const job = (await jobs.getJob(id))!;
      expect(job.returnvalue).toEqual({ data: job.data, polluted: null });
    }
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    await fault.account(queue, fine);
    const runs = await fault.ledger.runs(queue);
    expect(new Set(runs.map(({ key }) => key))).toEqual(new Set(fine));
  });

  it('that a handler returns is left out when it cannot be stored; the job completes, and its batch with it', async () => {
    const queue = fault.newQueue();
    const jobs = (await fault.producer()).queue(queue);
    await fault.worker(queue, { concurrency: 50 });
    const odds = ['nul', 'surrogate', 'bigint', 'circular', 'infinite', 'function', 'huge'];
    const some = [...odds.map((odd) => ({ name: 'returns', data: { k: odd, odd } })), ...work(40, 'fine-').jobs];
    const keys = some.map(({ data: { k } }) => k);
    await jobs.addBulk(some);
    report.injected('nasty results', odds.length);
    const ends = await fault.ledger.quiet(queue, keys, 20_000);
    expect([...ends.values()].filter((end) => end !== 'c')).toEqual([]);
    await fault.account(queue, keys);
  });
});
