import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { failure, type JobSpec, type Session, testEngine, type TestQueue } from '../support/engine.js';
import { aWhile, until } from '../support/signals.js';

const engine = testEngine();

let queue: TestQueue;

beforeEach(async () => {
  queue = await engine.queue();
});

// so that the next switch finds an empty segment
afterEach(async () => {
  for (const ring of ['unique_key', 'custom_id']) {
    await engine.main.upkeep.settle(ring);
    for (const segment of [0, 1, 2]) await engine.main.upkeep.reclaim(ring, segment);
  }
});

const rotate = async (ring = 'unique_key'): Promise<void> => {
  await engine.rows(`select ${engine.s}.rotate($1, interval '0')`, [ring]);
};
const settle = async (): Promise<boolean> => engine.main.upkeep.settle('unique_key');

it.each([{ uniqueKey: 'k' }, { jobId: 'an id' }])(
  'two that take %j before and after a switch meet, and one job is made',
  async (spec) => {
    const ring = 'uniqueKey' in spec ? 'unique_key' : 'custom_id';
    await engine.main.add(queue, { uniqueKey: 'other' }, { jobId: 'other id' });
    const [before, after] = [await engine.session(), await engine.session()];
    const [first] = await before.begin(queue, spec);
    await rotate(ring);
    const second = after.add(queue, spec);
    await before.commit();
    expect((await second)[0]!.existing?.key).toBe(first!.key);
    await engine.main.upkeep.settle(ring);
  },
);

it('a switch waits for nobody, and ends when nobody is left who writes to the old segment only', async () => {
  const before = await engine.session();
  await before.begin(queue, { uniqueKey: 'k' });
  await rotate();
  expect(await settle()).toBe(false);
  // meanwhile the other segment is neither switched again nor reclaimed
  const [{ draining }] = await engine.rows(`select draining from ${engine.s}.ring where ring = 'unique_key'`);
  expect(await engine.main.upkeep.reclaim('unique_key', draining)).toBe('current');
  const during = await engine.session();
  await during.begin(queue, { uniqueKey: 'another' });
  await before.commit();
  expect(await settle()).toBe(true);
  const [third] = await engine.main.add(queue, { uniqueKey: 'third' });
  await during.commit();
  expect((await engine.main.add(queue, { uniqueKey: 'third' }))[0]!.existing?.key).toBe(third!.key);
  expect((await engine.main.add(queue, { uniqueKey: 'another' }))[0]!.existing).toBeDefined();
});

it.each(['repeatable read', 'serializable'])(
  'a %s transaction from before a switch or a reclaim gets 40001, like any conflict',
  async (isolation) => {
    await engine.main.add(queue, { uniqueKey: 'k' });
    const old = await engine.session();
    await old.client.query(`begin isolation level ${isolation}`);
    await old.client.query('select 1');
    await rotate();
    await settle();
    expect(await failure(old.add(queue, { uniqueKey: 'k' }))).toBe('40001');
    await old.rollback();
    await old.client.query(`begin isolation level ${isolation}`);
    expect((await old.add(queue, { uniqueKey: 'k' }))[0]!.existing).toBeDefined();
    await old.commit();
    await old.client.query(`begin isolation level ${isolation}`);
    await old.client.query('select 1');
    await engine.turn('entry');
    expect(await failure(old.add(queue, { uniqueKey: 'k' }))).toBe('40001');
    await old.rollback();
  },
);

it('a completeIn in a transaction from before its lease was moved gets 40001, not a refusal', async () => {
  const worker = await engine.worker();
  await engine.main.add(queue);
  const [run] = (await worker.claim(queue)).runs;
  const user = await engine.session();
  await user.client.query('begin isolation level repeatable read');
  await user.client.query('select 1');
  expect(await engine.turn('lease')).toBe('reclaimed');
  const outcome = { key: run!.key, run: 1, lease: run!.lease, ran: 1, output: null };
  expect(await failure(user.work.completeIn(user.client, worker.id, queue.id, outcome))).toBe('40001');
  await user.rollback();
  await user.client.query('begin isolation level repeatable read');
  await user.work.completeIn(user.client, worker.id, queue.id, outcome);
  await user.commit();
});

describe('a job that is asked for by an id of its own while that is being moved', () => {
  const spec: JobSpec = { jobId: 'order-1', delay: 60_000 };
  const asks: Record<string, (by: Session) => Promise<unknown>> = {
    getJob: async ({ jobs }) => jobs.getJob(queue.name, spec.jobId!),
    cancel: async ({ jobs }) => jobs.cancel(queue.name, spec.jobId!, 'why'),
    remove: async ({ jobs }) => jobs.remove(queue.name, spec.jobId!),
    promote: async ({ jobs }) => jobs.promote(queue.name, spec.jobId!),
  };

  it.each(Object.entries(asks))('is found: %s', async (_, ask) => {
    await engine.main.add(queue, spec);
    const [{ current }] = await engine.rows(`select current from ${engine.s}.ring where ring = 'custom_id'`);
    await rotate('custom_id');
    await engine.main.upkeep.settle('custom_id');
    const [reclaiming, asking] = [await engine.session(), await engine.session()];
    await reclaiming.client.query('begin');
    await reclaiming.client.query(`select ${engine.s}.reclaim('custom_id', $1, 10000)`, [current]);
    const answer = ask(asking);
    const waits = `select from pg_locks where not granted and relation = '${engine.s}.custom_id_${current}'::regclass`;
    await until('it to wait', async () => (await engine.rows(waits)).length === 1);
    await reclaiming.commit();
    expect(await answer).toBeTruthy();
  });
});

it('transactions that take keys, one overlapping the other, keep neither their ring nor the others from being reclaimed', async () => {
  let goesOn = true;
  const committed = new Set<number>();
  const busy = [0, 1, 2, 3].map(async (i) => {
    const session = await engine.session();
    while (goesOn) {
      await session.begin(queue, { uniqueKey: `busy ${i}` }, { jobId: `id ${i}` });
      await session.client.query('select pg_sleep(0.15)');
      await session.commit();
      committed.add(i);
    }
  });
  try {
    await until('all to be at it', () => committed.size === busy.length);
    for (const ring of ['unique_key', 'custom_id', 'lease']) {
      await until(`${ring} to be reclaimed`, async () => {
        const [{ current, draining }] = await engine.rows(
          `select current, draining from ${engine.s}.ring where ring = $1`,
          [ring],
        );
        if (draining !== null) await engine.main.upkeep.settle(ring);
        await engine.main.upkeep.rotate(ring);
        const closed = [0, 1, 2].filter((segment) => segment !== current);
        const became = [];
        for (const segment of closed) became.push(await engine.main.upkeep.reclaim(ring, segment));
        const used = await engine.rows(`select i from unnest($1::int[]) i where ${engine.s}.segment_is_used($2, i)`, [
          closed,
          ring,
        ]);
        return became.includes('reclaimed') && used.length < 2;
      });
    }
  } finally {
    goesOn = false;
    await Promise.all(busy);
  }
  expect((await engine.main.add(queue, { uniqueKey: 'busy 0' }))[0]!.existing).toBeDefined();
}, 40_000);

it('a ring of keys is not waited for behind a transaction that stays open: others take keys meanwhile', async () => {
  const open = await engine.session();
  await open.begin(queue, { uniqueKey: 'open' });
  await rotate();
  const [{ draining }] = await engine.rows(`select draining from ${engine.s}.ring where ring = 'unique_key'`);
  await engine.rows(
    `select ${engine.s}.switch_ring('unique_key', current, null, clock_timestamp()) from ${engine.s}.ring where ring = 'unique_key'`,
  );
  await aWhile(1_100);
  const reclaiming = await engine.session();
  const reclaimed = reclaiming.upkeep.reclaim('unique_key', draining);
  await Promise.race([reclaimed, aWhile(100)]);
  const other = await engine.session();
  await other.client.query(`set lock_timeout = '300ms'`);
  await other.add(queue, { uniqueKey: 'another' });
  expect(await reclaimed).toBe('busy');
  await open.commit();
});
