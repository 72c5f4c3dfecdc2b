import { beforeAll, expect, it } from 'vitest';
import { outcome, testEngine, type TestWorker } from '../support/engine.js';
import { aWhile, until } from '../support/signals.js';
import { ack, nack, rewind, take, TestStream, type TestGroup } from '../support/streams.js';

const engine = testEngine({ alone: true });
const RINGS = ['event', 'entry', 'delayed', 'lease', 'result'];

let worker: TestWorker;

beforeAll(async () => {
  worker = await engine.worker();
});

interface TableStats {
  readonly relname: string;
  readonly inserted: number;
  readonly changed: number;
  readonly dead: number;
}

/** What was done to the log's segments and the dead letters, as far as the sessions that did it have reported. */
async function stats(): Promise<TableStats[]> {
  const [{ version }] = await engine.rows(`select current_setting('server_version_num')::int as version`);
  for (const { client } of [worker.session, engine.main])
    await client.query(version < 150_000 ? 'select' : 'select pg_stat_force_next_flush()');
  return engine.rows<TableStats>(
    `select relname, n_tup_ins::int as inserted, (n_tup_upd + n_tup_del)::int as changed, n_dead_tup::int as dead
       from pg_stat_user_tables where schemaname = $1 and relname ~ '^((${RINGS.join('|')})_[0-9]|dead)$' order by relname`,
    [engine.database.schema],
  );
}

/** The same, when they know of all rows that are there. */
async function settled(): Promise<TableStats[]> {
  const rows = new Map<string, number>();
  for (const { relname } of await stats())
    rows.set(relname, (await engine.rows(`select count(*)::int as n from ${engine.s}.${relname}`))[0].n);
  await until('the statistics to hold every row', async () =>
    (await stats()).every(({ relname, inserted }) => inserted >= rows.get(relname)!),
  );
  return stats();
}

it('R30: 20,000 events through two groups and several turns of each ring leave nothing dead, and no more space than a turn', async () => {
  const stream = await TestStream.make(engine);
  await engine.main.streams.configure(stream.name, { retention: 0 });
  const groups = [await stream.group('one'), await stream.group('other')];
  const size = async (): Promise<number> => {
    const of = [0, 1, 2].map((i) => `pg_total_relation_size('${engine.s}.event_${i}')`).join(' + ');
    return Number((await engine.rows(`select ${of} as n`))[0].n);
  };
  const sizes: number[] = [];
  for (let round = 0; round < 10; round++) {
    for (let some = 0; some < 4; some++) {
      await stream.publish(engine.main, ...Array.from({ length: 500 }, () => ({ data: 'x'.repeat(190) })));
      for (const group of groups) {
        const { batch } = await take(worker, group);
        await nack(worker, group, batch!, batch!.events[0]!, { state: 'r', charge: 1, to: 'home' });
        await ack(worker, group, batch!);
        await worker.endAll(group, (await worker.claim(group)).runs);
      }
    }
    sizes.push(await size());
    // a turn begins the count anew
    const found = await settled();
    expect(found.some(({ relname, inserted }) => relname.startsWith('event') && inserted > 2_000)).toBe(true);
    expect(found.filter(({ changed, dead }) => changed + dead > 0)).toEqual([]);
    for (const ring of RINGS) expect(await engine.turn(ring)).toMatch(/^(reclaimed|leased|not rotated)$/);
    expect(await engine.rows(`select from ${engine.s}.event where stream_id > 0`)).toEqual([]);
  }
  expect(Math.max(...sizes)).toBeLessThanOrEqual(sizes[0]! * 1.2);
}, 60_000);

it('everything an event goes through only appends: no UPDATE and no DELETE on the log', async () => {
  const stream = await TestStream.make(engine);
  const groups = [await stream.group('a'), await stream.group('b', 'end', { hold: 'stream' })];
  const [each, whole] = groups as [TestGroup, TestGroup];
  for (let round = 0; round < 3; round++) {
    for (const ring of RINGS) await engine.switchRing(ring, round);
    await stream.publish(engine.main, ...Array.from({ length: 200 }, (_, i) => ({ key: `k${i}` })));
    await engine.main.client.query('begin');
    await stream.publish(engine.main, {}, {});
    await engine.main.rollback();
    const { batch } = await take(worker, each, { limit: 100 });
    const ends = [
      { state: 'r', charge: 1, delay: 1 },
      { state: 'r', charge: 1, to: 'home' },
      { state: 'f', reason: 'exhausted' },
    ] as const;
    for (const [i, followUp] of ends.entries())
      await nack(worker, each, batch!, batch!.events[i]!, { ...followUp, error: { message: 'no' } });
    await worker.session.client.query('begin');
    await worker.session.work.completeIn(worker.session.client, worker.id, each.id, {
      key: batch!.events[5]!.id,
      run: -Number(batch!.lease.n),
      lease: batch!.lease,
      ran: 1,
      output: null,
    });
    await worker.session.commit();
    await ack(worker, each, batch!);
    await ack(worker, each, (await take(worker, each)).batch!);
    await aWhile(5);
    await worker.session.work.promote(each.id, 100);
    const { runs } = await worker.claim(each);
    expect(runs).toHaveLength(2);
    await worker.finish(
      each,
      runs.map((run) => outcome(run)),
    );
    const inOrder = await take(worker, whole, { limit: 50 });
    const { cursor } = inOrder.batch!.events[9]!;
    await rewind(worker, whole, inOrder.batch!, { after: cursor, delay: 0, tries: { attempt: 2 } });
    for (let more = true; more;) {
      const next = await take(worker, whole, { limit: 150 });
      more = next.batch !== undefined;
      if (more) await ack(worker, whole, next.batch!);
    }
    await engine.main.streams.seek(stream.name, 'a', 'end');
    await stream.read();
  }
  const found = await settled();
  expect(found.map(({ relname }) => relname)).toEqual(
    [...RINGS.flatMap((ring) => [0, 1, 2].map((i) => `${ring}_${i}`)), 'dead'].toSorted(),
  );
  expect(found.filter(({ inserted }) => inserted < 2)).toEqual([]);
  // what was rolled back is dead, and nothing else
  expect(found.filter(({ changed }) => changed > 0)).toEqual([]);
}, 30_000);
