import { expect, it } from 'vitest';
import { Bench, buffers, least, undone } from '../support/buffers.js';
import { many, testEngine } from '../support/engine.js';
import { aWhile } from '../support/signals.js';

const engine = testEngine({ alone: true });
const RINGS = ['entry', 'delayed', 'lease', 'result', 'unique_key', 'custom_id', 'pulse'];

async function current(ring: string): Promise<number> {
  return (await engine.rows(`select current from ${engine.s}.ring where ring = $1`, [ring]))[0].current;
}

it('a backlog is not copied at each turn: the older generation stays, and takes what is left of the younger', async () => {
  const bench = await Bench.start(engine);
  const where = async () =>
    engine.rows(
      `select e.job_id, e.at, e.ctid::text from (${[0, 1, 2]
        .map((i) => `select ${i} as at, ctid, queue_id, job_id, name from ${engine.s}.entry_${i}`)
        .join(' union all ')}) e where e.queue_id = $1 and e.name = 'backlog' order by e.job_id`,
      [bench.queue.id],
    );
  const reclaim = async (segment: number) =>
    (await engine.rows(`select ${engine.s}.reclaim('entry', $1, 10) as became`, [segment]))[0].became;
  const rotate = async () => {
    const closed = await current('entry');
    await engine.rows(`select ${engine.s}.rotate('entry', interval '0')`);
    return closed;
  };
  await engine.main.add(bench.queue, ...many(100, { name: 'backlog', priority: 9 }));
  const [before, old] = [await where(), await rotate()];
  expect(await reclaim(old)).toBe('kept');
  for (let turn = 0; turn < 3; turn++) {
    await engine.main.add(bench.queue, ...many(30));
    const younger = await rotate();
    expect(await reclaim(old)).toBe('kept');
    expect(await reclaim(younger)).toBe('reclaimed');
    expect(await where()).toEqual(before);
  }
  await bench.drain();
  // what it kept may go to where it is wanted once most of it has ended
  await engine.main.jobs.setRetention(bench.queue.name, { completed: { age: 0 } });
  expect(await reclaim(old)).toBe('reclaimed');
}, 60_000);

it('a promotion that finds nothing walks once over what is delayed for long, and not again each time', async () => {
  const { queue } = await Bench.start(engine);
  const { client, work } = engine.main;
  const idle = () => buffers(engine.main, async () => work.promote(queue.id, 1000));
  await engine.main.add(queue, { delay: 1 });
  await client.query('select pg_sleep(0.005)');
  await work.promote(queue.id, 1000);
  const before = await least(idle);
  // each with a due time of its own: equal ones share a place in the index
  for (let i = 0; i < 10; i++) {
    await engine.main.add(queue, ...Array.from({ length: 2000 }, (_, n) => ({ delay: 3_600_000 + i * 2000 + n })));
  }
  await work.promote(queue.id, 1000);
  expect(await least(idle)).toBeLessThanOrEqual(before * 1.2 + 5);
}, 60_000);

it('looking at a segment of jobs that wait takes a few buffers for each: nothing is asked for what was not drained', async () => {
  const bench = await Bench.start(engine);
  await bench.add(20_000, { data: null });
  const segment = await current('entry');
  await engine.rows(`select ${engine.s}.rotate('entry', interval '0')`);
  const [{ pages }] = (await engine.rows(
    `select sum(pg_total_relation_size(format('%s.entry_%s', $1::text, i)::regclass) / 8192)::int as pages from generate_series(0, 2) i`,
    [engine.s],
  )) as [{ pages: number }];
  const look = () =>
    undone(engine.main, async () =>
      engine.main.client.query(`select ${engine.s}.reclaim('entry', $1, 10000)`, [segment]),
    );
  expect(await least(look)).toBeLessThanOrEqual(pages * 4 + 1000);
  await bench.drain();
}, 60_000);

it('reclaiming a segment of keys does not look up the job of each use', async () => {
  const bench = await Bench.start(engine);
  for (let i = 0; i < 40; i++) {
    await engine.main.add(bench.queue, ...Array.from({ length: 100 }, (_, n) => ({ uniqueKey: `${n} of ${i % 20}` })));
    await bench.drain();
  }
  const segment = await current('unique_key');
  await engine.rows(`select ${engine.s}.rotate('unique_key', interval '0')`);
  await engine.rows(`select ${engine.s}.settle('unique_key')`);
  const cost = await buffers(engine.main, async () =>
    engine.main.client.query(`select ${engine.s}.reclaim('unique_key', $1, 10000)`, [segment]),
  );
  expect(cost).toBeLessThanOrEqual(10_000);
}, 60_000);

it('a reclaim that has copied much does not give up after two seconds', async () => {
  const bench = await Bench.start(engine);
  await bench.add(11_000, { data: null });
  await engine.turn('entry', 1e9);
  const segment = await current('entry');
  await engine.rows(`select ${engine.s}.rotate('entry', interval '0')`);
  const holder = await engine.session();
  await holder.client.query(`begin; select pg_advisory_xact_lock_shared(${engine.s}.lock_key('guard'))`);
  const reclaiming = engine.main.client.query(`select ${engine.s}.reclaim('entry', $1, 1000000) as became`, [segment]);
  await aWhile(4000);
  await holder.client.query('commit');
  expect((await reclaiming).rows[0].became).toBe('reclaimed');
  await bench.drain();
}, 60_000);

it('under a pinned horizon nothing dies in the log, and no statement touches more, however much is done', async () => {
  const { queue, worker } = await Bench.start(engine);
  const { main } = engine;
  await main.jobs.setRetention(queue.name, { completed: { age: 0 } });
  const pins = [await engine.session(), await engine.session()];
  for (const { client } of pins) await client.query('begin isolation level repeatable read; select 1');
  await pins[0]!.client.query('select pg_current_xact_id()');

  const costs = async () => ({
    add: await least(async () => buffers(main, async () => main.add(queue))),
    'add with a used key': await least(async () => {
      await worker.endAll(queue, (await worker.claim(queue)).runs);
      return buffers(main, async () => main.add(queue, { uniqueKey: 'key' }));
    }),
    claim: await least(async () => {
      await worker.endAll(queue, (await worker.claim(queue)).runs);
      await main.add(queue);
      return buffers(worker.session, async () => worker.claim(queue, { want: 1, lanes: [0] }));
    }),
    finish: await least(async () => {
      await worker.endAll(queue, (await worker.claim(queue)).runs);
      await main.add(queue);
      const { runs } = await worker.claim(queue);
      return buffers(worker.session, async () => worker.endAll(queue, runs));
    }),
    promote: await least(async () => buffers(main, async () => main.work.promote(queue.id, 100))),
    beat: await least(async () => buffers(main, async () => main.work.beat(worker.id, 1, true))),
    'workers seen': await least(async () => buffers(main, async () => main.upkeep.workersSeen())),
  });
  const traffic = async (rounds: number) => {
    for (let round = 0; round < rounds; round++) {
      await main.work.beat(worker.id, 1, true);
      await main.add(queue, ...many(5), { uniqueKey: 'key' }, { delay: 1 });
      const { runs } = await worker.claim(queue);
      await worker.endAll(queue, runs.slice(1));
      await worker.endAll(queue, runs.slice(0, 1), { state: 'r', delay: 1, charge: 1, error: { message: 'e' } });
      await main.work.promote(queue.id, 1000);
    }
  };
  await traffic(20);
  const before = await costs();
  await traffic(1000);
  const after = await costs();
  console.log('buffers under a pinned horizon', before, 'and after 1,000 rounds', after);
  for (const [what, cost] of Object.entries(after)) {
    // indexes of three segments became a level deeper
    expect(cost, what).toBeLessThanOrEqual(before[what as keyof typeof before] * 1.2 + 6);
  }
  // and after as many rotations as in four hours
  for (let i = 0; i < 24; i++) {
    await traffic(1);
    for (const ring of RINGS) expect(await engine.turn(ring)).toMatch(/^(reclaimed|leased|kept|not rotated)$/);
  }
  const turned = await costs();
  console.log('and after 24 turns of each ring', turned);
  for (const [what, cost] of Object.entries(turned)) {
    // the table of rings is updated by each turn: a page more in some hours
    expect(cost, what).toBeLessThanOrEqual(before[what as keyof typeof before] * 1.2 + 6);
  }
  const [{ version }] = (await engine.rows(`select current_setting('server_version_num')::int as version`)) as [
    { version: number },
  ];
  for (const { client } of [worker.session, main])
    await client.query(version < 150_000 ? 'select' : 'select pg_stat_force_next_flush()');
  const dead = await engine.rows(
    `select relname, n_dead_tup::int as dead, n_tup_upd::int as updated, n_tup_del::int as deleted from pg_stat_user_tables
      where schemaname = $1 and relname ~ '^(entry|delayed|lease|result|unique_key|custom_id|pulse)_' and n_dead_tup + n_tup_upd + n_tup_del > 0`,
    [engine.database.schema],
  );
  expect(dead).toEqual([]);
  for (const { client } of pins) await client.query('rollback');
}, 120_000);
