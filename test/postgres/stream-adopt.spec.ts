import { beforeEach, describe, expect, it } from 'vitest';
import { keysOf, outcome, type Session, testEngine, type TestWorker } from '../support/engine.js';
import { ack, idsOf, nack, take, takeIds, TestStream, type TestGroup } from '../support/streams.js';
import { transplant } from '../support/transplant.js';

const engine = testEngine({ alone: true });

let stream: TestStream;
let worker: TestWorker;

beforeEach(async () => {
  await engine.rows(`delete from ${engine.s}.queue where kind = 'g'`);
  stream = await TestStream.make(engine);
  worker = await engine.worker();
});

const asQueue = ({ id, name }: TestGroup) => ({ id, name });
const adopt = async (): Promise<boolean> => (await engine.rows(`select ${engine.s}.adopt() as did`))[0].did;

/** All that a group is still handed out, in its order: what it repeats, and what comes. */
async function drain(group: TestGroup): Promise<{ repeated: string[]; taken: string[] }> {
  const [repeated, taken]: [string[], string[]] = [[], []];
  for (let empty = 0; empty < 2;) {
    const { runs } = await worker.claim(asQueue(group), { suspect: true });
    repeated.push(...keysOf(runs));
    await worker.endAll(
      asQueue(group),
      runs.map((run) => run),
    );
    const { batch } = await take(worker, group, { limit: 7 });
    const skip = new Set((batch?.tries?.skip ?? []).map(String));
    taken.push(...idsOf(batch?.events).filter((id) => !skip.has(id)));
    if (batch !== undefined) await ack(worker, group, batch);
    empty = runs.length === 0 && batch === undefined ? empty + 1 : 0;
  }
  return { repeated, taken };
}

/** Transactions that are open over each other, and a group that reads between them. */
class Traffic {
  readonly committed: string[] = [];
  readonly keys = new Map<string, string>();
  readonly #open: { session: Session; ids: string[] }[] = [];
  #n = 0;

  async step(): Promise<void> {
    this.#n++;
    const specs = (): { key?: string }[] =>
      Array.from({ length: 1 + (this.#n % 3) }, (_, i) =>
        (this.#n + i) % 3 === 0 ? {} : { key: `k${(this.#n + i) % 5}` },
      );
    const publish = async (session: Session): Promise<string[]> => {
      const some = specs();
      const ids = await stream.publish(session, ...some);
      for (const [i, id] of ids.entries()) this.keys.set(id, some[i]!.key ?? '');
      return ids;
    };
    if (this.#n % 3 === 0) {
      const session = await engine.session();
      await session.client.query('begin');
      this.#open.push({ session, ids: await publish(session) });
    }
    this.committed.push(...(await publish(engine.main)));
    if (this.#n % 5 === 0) {
      const { session, ids } = this.#open.shift()!;
      if (this.#n % 2 === 0) await session.rollback();
      else {
        await session.commit();
        this.committed.push(...ids);
      }
      await session.client.end();
    }
  }

  async end(): Promise<void> {
    for (const { session, ids } of this.#open.splice(0)) {
      await session.commit();
      this.committed.push(...ids);
    }
  }
}

interface Reader {
  readonly group: TestGroup;
  readonly passed: string[];
  readonly open: string[];
}

/** Groups of each kind that have read a log in steps, each with a batch in hand. */
async function scene(): Promise<{ traffic: Traffic; readers: Reader[] }> {
  const traffic = new Traffic();
  const dead = await engine.worker();
  const readers: Reader[] = [];
  for (const hold of ['nothing', 'key', 'stream', 'nothing'] as const)
    readers.push({ group: await stream.group(`${hold} ${readers.length}`, 'start', { hold }), passed: [], open: [] });
  for (let i = 0; i < 30; i++) {
    await traffic.step();
    for (const [g, { group, passed }] of readers.entries()) {
      if (i % (2 + g) !== 0 || i > 20 + 2 * g) continue;
      const { batch } = await take(dead, group, { limit: 2 + ((i + g) % 4) });
      passed.push(...idsOf(batch?.events));
      if (batch !== undefined) await ack(dead, group, batch);
    }
  }
  for (const { group, open } of readers) open.push(...(await takeIds(dead, group, { limit: 4 })));
  await traffic.step();
  await traffic.end();
  return { traffic, readers };
}

const LATER = 1_000_000;

describe('a log that came from a cluster that was ahead', () => {
  it('is read on by each group: what it had not passed, once, and what came since, also in a subtransaction', async () => {
    const { traffic, readers } = await scene();
    const nacked = readers[3]!;
    const { batch } = await take(worker, nacked.group, { limit: 2 });
    await nack(worker, nacked.group, batch!, batch!.events[0]!, { state: 'r', charge: 1, to: 'home' });
    await nack(worker, nacked.group, batch!, batch!.events[1]!);
    await ack(worker, nacked.group, batch!);
    nacked.passed.push(batch!.events[1]!.id);
    await transplant(engine, LATER);
    const here = await stream.publish(engine.main, {}, { key: 'k1' });
    await engine.rows('begin');
    await engine.rows('savepoint here');
    here.push(...(await stream.publish(engine.main, { key: 'k2' })));
    await engine.rows('release here');
    await engine.rows('commit');
    expect(await adopt()).toBe(true);
    expect(await adopt()).toBe(false);
    here.push(...(await stream.publish()));
    const all = [...traffic.committed, ...here];
    for (const { group, passed, open } of readers) {
      expect(open.length).toBeGreaterThan(0);
      const { repeated, taken } = await drain(group);
      expect([...passed, ...repeated, ...taken].toSorted(), group.name).toEqual(all.toSorted());
      // where the order counts all comes from the stream
      expect(repeated.length === 0, group.name).toBe(!group.name.startsWith('nothing'));
    }
    // the cursor of one that waits to be repeated is one of this cluster
    const [{ cursor }] = await engine.rows(
      `select options->>'cursor' as cursor from ${engine.s}.delayed_jobs($1, 10) w join ${engine.s}.delayed d on d.queue_id = $1 and d.job_id = w.job_id`,
      [nacked.group.id],
    );
    const order = idsOf(await stream.read());
    const behind = idsOf(await stream.read({ cursor }));
    expect(behind).toEqual(order.slice(order.indexOf(batch!.events[1]!.id) + 1));
  }, 60_000);

  it('keeps its order, for whoever reads it and for groups that hold it', async () => {
    const { readers } = await scene();
    const before = await stream.read();
    const keyOf = new Map(before.map(({ id, key }) => [id, key]));
    await transplant(engine, LATER);
    await adopt();
    expect(idsOf(await stream.read())).toEqual(idsOf(before));
    const [, byKey, whole] = readers;
    const place = new Map(before.map(({ id }, i) => [id, i]));
    const isInOrder = (ids: string[], late: ReadonlySet<string>): boolean =>
      ids.filter((id) => !late.has(id)).every((id, i, rest) => i === 0 || place.get(rest[i - 1]!)! < place.get(id)!);
    // what was open when they came by comes late
    const lateFor = ({ passed, open }: Reader): Set<string> => {
      const furthest = Math.max(...[...passed, ...open].map((id) => place.get(id)!));
      return new Set(before.slice(0, furthest).map(({ id }) => id));
    };
    const ofWhole = await drain(whole!.group);
    expect(ofWhole.taken.length).toBeGreaterThan(10);
    expect(isInOrder(ofWhole.taken, lateFor(whole!))).toBe(true);
    const ofKeys = await drain(byKey!.group);
    for (const key of new Set(keyOf.values()))
      expect(
        isInOrder(
          ofKeys.taken.filter((id) => keyOf.get(id) === key),
          lateFor(byKey!),
        ),
      ).toBe(true);
  }, 60_000);

  it('needs no more transactions that are over than its groups tell apart', async () => {
    const { traffic, readers } = await scene();
    const before = idsOf(await stream.read());
    await transplant(engine, LATER);
    const here = [...(await stream.publish(engine.main, { key: 'k1' }, {})), ...(await stream.publish())];
    const stamp = async (room: number): Promise<string> =>
      engine.rows(`select ${engine.s}.adopt_streams(10, $1)`, [10 + room]).then(
        () => 'done',
        ({ message }: Error) => message,
      );
    const [, needed] = /: 1 transactions are over, and (\d+) are needed/.exec(await stamp(1))!;
    expect(await stamp(Number(needed) - 1)).toContain('too young');
    expect(await stamp(Number(needed))).toBe('done');
    const [{ transactions, last }] = await engine.rows(
      `select count(distinct txid)::int as transactions, max(txid::text::int) as last from ${engine.s}.event where stream_id = $1`,
      [readers[0]!.group.streamId],
    );
    expect(transactions).toBeLessThanOrEqual(Number(needed));
    expect(last).toBeLessThan(10 + Number(needed));
    for (const { group, passed } of readers) {
      const { repeated, taken } = await drain(group);
      expect([...passed, ...repeated, ...taken].toSorted(), group.name).toEqual(
        [...traffic.committed, ...here].toSorted(),
      );
    }
    expect(idsOf(await stream.read()).toSorted()).toEqual([...before, ...here].toSorted());
  }, 60_000);

  it('lets a client go on with the batch it has', async () => {
    const group = await stream.group('g');
    const ids = await stream.publish(engine.main, {}, {}, {}, {});
    const receive = async (max = 3) => engine.main.batches.receive(stream.name, group.name, max);
    const batch = await receive();
    await transplant(engine, LATER);
    await adopt();
    const again = await receive();
    expect(again!.id).toBe(batch!.id);
    expect(again!.events.map(({ record }) => record.id)).toEqual(ids.slice(0, 3));
    await engine.main.batches.nack(again!.id, again!.events[1]!.record, 60_000, 'no');
    expect(await engine.main.batches.ack(again!.id)).toBe(true);
    expect((await receive())!.events.map(({ record }) => record.id)).toEqual(ids.slice(3));
  });

  it('is read on from a place of which nothing is left, and what is repeated of it has none', async () => {
    await engine.main.streams.configure(stream.name, { retention: 0 });
    const group = await stream.group('g');
    await stream.publish();
    const { batch } = await take(worker, group);
    await nack(worker, group, batch!, batch!.events[0]!);
    await ack(worker, group, batch!);
    const [{ txid }] = await engine.rows('select pg_current_xact_id()::text as txid');
    const ids = await stream.publish(engine.main, {}, {});
    const [{ s1 }] = await engine.rows('select pg_current_snapshot()::text as s1');
    expect(await engine.turn('event')).toBe('reclaimed');
    await engine.main.streams.seek(stream.name, group.name, { cursor: `/${s1}/${txid}/9000000000000000000` });
    await transplant(engine, LATER);
    await adopt();
    expect(await takeIds(worker, group)).toEqual(ids);
    const delayed = await engine.rows(`select options from ${engine.s}.delayed where queue_id = $1`, [group.id]);
    expect(delayed).toEqual([{ options: {} }]);
  });

  it('refuses what a process goes on with that has it from there', async () => {
    const group = await stream.group('g', 'end', { hold: 'stream' });
    const ids = await stream.publish(engine.main, {}, {});
    const { batch } = await take(worker, group);
    await transplant(engine, LATER);
    await adopt();
    const other = await engine.worker();
    expect(await ack(worker, group, batch!)).toMatchObject([{ state: 'l' }]);
    expect(idsOf((await take(other, group, { limit: 1 })).batch?.events)).toEqual(ids.slice(0, 1));
  });

  it('is kept for as long as before: what its groups have passed is noted anew', async () => {
    const group = await stream.group('g');
    const ids = await stream.publish(engine.main, {}, {});
    await ack(worker, group, (await take(worker, group)).batch!);
    await engine.rows(`select ${engine.s}.note_streams()`);
    await engine.rows(`update ${engine.s}.stream_mark set at = at - interval '1 day'`);
    await transplant(engine, LATER);
    await adopt();
    await engine.turn('event');
    expect(idsOf(await stream.read())).toEqual(ids);
  });

  it('counts on: neither events, nor what is parked, nor batches get a number that was given', async () => {
    const group = await stream.group('g');
    const again = async (): Promise<number> => {
      await transplant(engine, LATER);
      await engine.rows(`select setval('${engine.s}.job_id', 1)`);
      await adopt();
      return Number((await stream.publish())[0]);
    };
    const [id] = await stream.publish();
    expect(await again()).toBeGreaterThan(Number(id));
    const { batch } = await take(worker, group);
    expect(await again()).toBeGreaterThan(Number(batch!.key));
    const park = `insert into ${engine.s}.parked_event (group_id, key, event_id) values ($1, 'k', 1) returning n`;
    for (const _ of [1, 2, 3]) await engine.rows(park, [group.id]);
    await engine.rows(`select setval(pg_get_serial_sequence('${engine.s}.parked_event', 'n'), 1)`);
    await again();
    expect(Number((await engine.rows(park, [group.id]))[0].n)).toBeGreaterThan(3);
  });
});

it('a job that is added in a subtransaction before the log is taken over is not lost', async () => {
  const queue = await engine.queue();
  const [first] = await engine.main.add(queue, {});
  const { runs } = await worker.claim(queue);
  await worker.finish(queue, [outcome(runs[0]!)]);
  await transplant(engine, LATER);
  await engine.rows('begin');
  await engine.rows('savepoint here');
  const [added] = await engine.main.add(queue, {});
  await engine.rows('release here');
  await engine.rows('commit');
  await adopt();
  expect(await worker.claimKeys(queue)).toEqual([added!.key]);
  expect(first!.key).not.toBe(added!.key);
});
