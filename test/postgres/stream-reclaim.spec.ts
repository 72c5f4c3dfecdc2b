import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keysOf, testEngine, type TestWorker } from '../support/engine.js';
import { ack, idsOf, nack, rewind, take, takeIds, TestStream, type TestGroup } from '../support/streams.js';
import { until } from '../support/signals.js';

const engine = testEngine();
const GONE = { retention: 0 };

let stream: TestStream;
let worker: TestWorker;

beforeEach(async () => {
  stream = await TestStream.make(engine);
  worker = await engine.worker();
});

// what it left open would keep results from going
afterEach(async () => {
  const groups = await engine.rows(
    `select split_part(name, chr(31), 2) as name from ${engine.s}.queue where kind = 'g'`,
  );
  for (const { name } of groups) await engine.main.streams.unsubscribe(stream.name, name);
});

const asQueue = ({ id, name }: TestGroup) => ({ id, name });

async function keep(settings: object): Promise<void> {
  await engine.rows(`select ${engine.s}.set_stream_settings(${engine.s}.ensure_stream($1), $2)`, [
    stream.name,
    settings,
  ]);
}

/** Events of this test's stream that are there, wherever they are and whoever has passed them. */
async function there(): Promise<string[]> {
  const rows = await engine.rows(
    `select e.event_id as id from ${engine.s}.event e join ${engine.s}.queue q on q.queue_id = e.stream_id
      where q.name = chr(31) || $1 order by e.txid, e.event_id`,
    [stream.name],
  );
  return rows.map(({ id }) => id);
}

/** Rows of a group in a ring. */
async function rowsOf(group: TestGroup, ring: string): Promise<number> {
  return (await engine.rows(`select count(*)::int as n from ${engine.s}.${ring} where queue_id = $1`, [group.id]))[0].n;
}

/** Empties all segments that it can; leases go before the results that they name. */
async function turnAll(times = 1): Promise<void> {
  for (let turn = 0; turn < times; turn++) {
    for (const ring of ['event', 'entry', 'delayed', 'lease', 'result']) {
      await engine.rows(`select ${engine.s}.rotate($1, interval '0')`, [ring]);
      const used = `select i from generate_series(0, 2) i where ${engine.s}.segment_is_used($1, i)`;
      for (const { i } of await engine.rows(used, [ring]))
        expect(await engine.main.upkeep.reclaim(ring, i)).toMatch(/^(reclaimed|leased|current)$/);
    }
  }
}

/** It is noted what the groups have passed by now; and then a while passes. */
async function noted(ago: string): Promise<void> {
  await engine.rows(`select ${engine.s}.note_streams()`);
  await engine.rows(`update ${engine.s}.stream_mark set at = at - $1::interval`, [ago]);
}

describe('an event', () => {
  it('stays until every group is past it, open batches included', async () => {
    await keep(GONE);
    const [one, other] = [await stream.group('one'), await stream.group('other')];
    const ids = await stream.publish(engine.main, {}, {});
    const first = await take(worker, one);
    await ack(worker, one, first.batch!);
    await turnAll();
    expect(await there()).toEqual(ids);
    const second = await take(worker, other);
    await turnAll();
    expect(await there()).toEqual(ids);
    await ack(worker, other, second.batch!);
    await turnAll();
    expect(await there()).toEqual([]);
  });

  it('stays while a batch that was taken before later ones is open', async () => {
    await keep(GONE);
    const group = await stream.group('g');
    const early = await stream.publish(engine.main, {}, {});
    const { batch } = await take(worker, group);
    for (let i = 0; i < 3; i++) {
      await stream.publish();
      await ack(worker, group, (await take(worker, group)).batch!);
      await noted('0');
    }
    await turnAll();
    expect((await there()).slice(0, 2)).toEqual(early);
    await ack(worker, group, batch!);
    await noted('0');
    await turnAll();
    expect(await there()).toEqual([]);
  });

  it('stays for a day after the last group has passed it, or as long as its stream says', async () => {
    const group = await stream.group('g');
    const passed = await stream.publish(engine.main, {}, {});
    // however old it is: its group was late
    for (const i of [0, 1, 2])
      await engine.rows(
        `update ${engine.s}.event_${i} set published_at = now() - interval '9 days' where event_id > 0`,
      );
    await ack(worker, group, (await take(worker, group)).batch!);
    await noted('23 hours');
    const later = await stream.publish();
    await ack(worker, group, (await take(worker, group)).batch!);
    await turnAll();
    expect(await there()).toEqual([...passed, ...later]);
    await noted('1 hour');
    await turnAll();
    expect(await there()).toEqual(later);
    await keep({ retention: 3_600_000 });
    await turnAll();
    expect(await there()).toEqual([]);
  });

  it('of a stream without groups goes after that time', async () => {
    await stream.publish();
    await noted('23 hours');
    const later = await stream.publish();
    await turnAll();
    expect(await there()).toHaveLength(2);
    await noted('1 hour');
    await turnAll();
    expect(await there()).toEqual(later);
  });

  it('that is kept is read by groups that come late, from the start', async () => {
    const group = await stream.group('g');
    await stream.publish();
    await ack(worker, group, (await take(worker, group)).batch!);
    await noted('1 day');
    const ids = await stream.publish(engine.main, {}, {});
    await ack(worker, group, (await take(worker, group)).batch!);
    await turnAll(2);
    expect(await takeIds(worker, await stream.group('late', 'start'))).toEqual(ids);
  });

  it('stays for a group that has gone back to it', async () => {
    const group = await stream.group('g');
    const ids = await stream.publish(engine.main, {}, {});
    await ack(worker, group, (await take(worker, group)).batch!);
    await noted('1 day');
    await engine.main.streams.seek(stream.name, group.name, 'start');
    await turnAll();
    const { batch } = await take(worker, group);
    await turnAll();
    expect(await there()).toEqual(ids);
    await ack(worker, group, batch!);
    await turnAll();
    expect(await there()).toEqual([]);
  });

  it('is not lost to a group that is made while it is reclaimed', async () => {
    await keep(GONE);
    const other = await engine.session();
    await other.client.query('begin');
    const group = { ...(await other.streams.subscribe(stream.name, 'g', 'end')), stream: stream.name, name: 'g' };
    const ids = await stream.publish();
    const [{ current }] = await engine.rows(`select current from ${engine.s}.ring where ring = 'event'`);
    await engine.switchRing('event', (current + 1) % 3);
    const reclaimer = await engine.session();
    const [{ pid }] = (await reclaimer.client.query('select pg_backend_pid() as pid')).rows;
    const reclaiming = reclaimer.upkeep.reclaim('event', current);
    await until('it to wait for its locks, when it knows what to copy', async () => {
      const waits = `select from pg_stat_activity where pid = $1 and wait_event in ('advisory', 'PgSleep')`;
      return (await engine.rows(waits, [pid])).length > 0;
    });
    await other.commit();
    expect(await reclaiming).toBe('busy');
    expect(await takeIds(worker, group)).toEqual(ids);
  });
});

describe('a group', () => {
  it('that reads across reclaims loses and repeats nothing, whatever is open meanwhile', async () => {
    await keep(GONE);
    const [one, other] = [await stream.group('one'), await stream.group('other')];
    const seen = { one: [] as string[], other: [] as string[] };
    const read = async (group: TestGroup, limit: number): Promise<void> => {
      const { batch } = await take(worker, group, { limit });
      if (batch === undefined) return;
      seen[group.name as 'one'].push(...idsOf(batch.events));
      await ack(worker, group, batch);
    };
    const published: string[] = [];
    const open: { session: Awaited<ReturnType<typeof engine.session>>; ids: string[] }[] = [];
    for (let round = 0; round < 12; round++) {
      const session = await engine.session();
      await session.client.query('begin');
      // an id of its own, and no lock on a segment yet
      await session.client.query('select pg_current_xact_id()');
      open.push({ session, ids: [] });
      published.push(...(await stream.publish(engine.main, {}, {}, {})));
      await read(one, 2);
      if (round % 3 === 0) await read(other, 5);
      await turnAll();
      if (round < 4) continue;
      const ended = open.shift()!;
      ended.ids.push(...(await stream.publish(ended.session, {}, {})));
      if (round % 4 === 0) await ended.session.rollback();
      else {
        published.push(...ended.ids);
        await ended.session.commit();
      }
      await turnAll();
    }
    for (const { session } of open) await session.rollback();
    for (const group of [one, other]) {
      for (let before = -1; before < seen[group.name as 'one'].length;) {
        before = seen[group.name as 'one'].length;
        await read(group, 7);
        await turnAll();
      }
      expect(seen[group.name as 'one'].toSorted()).toEqual(published.toSorted());
    }
    await turnAll();
    expect(await there()).toEqual([]);
  }, 30_000);

  it('that was removed leaves nothing behind', async () => {
    await keep(GONE);
    const [gone, stays] = [await stream.group('gone'), await stream.group('stays')];
    const ids = await stream.publish(engine.main, {}, {}, {}, {});
    const { batch } = await take(worker, gone);
    await nack(worker, gone, batch!, batch!.events[0]!);
    await nack(worker, gone, batch!, batch!.events[1]!, { state: 'r', charge: 1, to: 'home' });
    await nack(worker, gone, batch!, batch!.events[2]!, { state: 'f', reason: 'exhausted' });
    await engine.rows(`select ${engine.s}.special_lane($1, 'l', 'default', 0::smallint)`, [gone.id]);
    await noted('0');
    expect(await engine.main.streams.unsubscribe(stream.name, gone.name)).toBe(true);
    for (const ring of ['lease', 'entry', 'delayed', 'result']) expect(await rowsOf(gone, ring)).toBeGreaterThan(0);
    await noted('1 day');
    await turnAll(2);
    for (const ring of ['lease', 'entry', 'delayed', 'result', 'dead', 'lane'])
      expect([ring, await rowsOf(gone, ring)]).toEqual([ring, 0]);
    expect(await engine.rows(`select from ${engine.s}.stream_group where group_id = $1`, [gone.id])).toEqual([]);
    expect(await there()).toEqual(ids);
    await ack(worker, stays, (await take(worker, stays)).batch!);
    await turnAll();
    expect(await there()).toEqual([]);
  });
});

describe('a batch that is open while all rings turn', () => {
  let group: TestGroup;
  let ids: string[];

  /** Taken among stragglers, at the end of a window and in the next one. */
  async function open(): Promise<NonNullable<Awaited<ReturnType<typeof take>>['batch']>> {
    await keep(GONE);
    group = await stream.group('g');
    const slow = await engine.session();
    await slow.client.query('begin');
    const late = await stream.publish(slow, { key: 'late' }, {});
    const early = await stream.publish(engine.main, {}, {});
    const first = await take(worker, group, { limit: 1 });
    expect(idsOf(first.batch!.events)).toEqual(early.slice(0, 1));
    await ack(worker, group, first.batch!);
    await slow.commit();
    const next = await stream.publish(engine.main, { type: 'next', data: [1], headers: { h: '1' } }, {});
    ids = [early[1]!, ...late, next[0]!];
    const { batch } = await take(worker, group, { limit: 4, claimNo: 77 });
    expect(idsOf(batch!.events)).toEqual(ids);
    await turnAll(3);
    return batch!;
  }

  it('is read again as it was', async () => {
    const batch = await open();
    await stream.publish();
    const again = await take(worker, group, { limit: 4, claimNo: 77, again: true });
    const all = ({ cursor, ...event }: (typeof batch.events)[number]) => ({ ...event, cursor });
    expect(again.batch!.events.map(all)).toEqual(batch.events.map(all));
    expect(again.batch!.lease).toEqual(batch.lease);
  });

  it('is acknowledged once', async () => {
    const batch = await open();
    expect(await ack(worker, group, batch)).toEqual([]);
    expect(await ack(worker, group, batch)).toMatchObject([{ state: 'c' }]);
    await turnAll(3);
    expect(await rowsOf(group, 'result')).toBe(0);
  });

  it('has its events nacked, one by one or together, and each goes on once', async () => {
    const batch = await open();
    expect(await nack(worker, group, batch, batch.events[2]!, { state: 'r', charge: 1, to: 'home' })).toEqual([]);
    await turnAll();
    expect(await nack(worker, group, batch, batch.events[2]!)).toMatchObject([{ state: 'r' }]);
    const [{ events }] = await engine.rows(`select events from ${engine.s}.scatter_batch($1, $2, $3, 'r', $4)`, [
      group.id,
      batch.lease.lane,
      batch.lease.n,
      { to: 'home', charge: 1 },
    ]);
    expect(new Set(events)).toEqual(new Set([ids[0], ids[1], ids[3]]));
    await turnAll();
    const { runs } = await worker.claim(asQueue(group));
    expect(keysOf(runs).toSorted()).toEqual(ids.toSorted());
    expect(runs.find(({ key }) => key === ids[3])).toMatchObject({
      name: 'next',
      data: '[1]',
      run: 2,
      attempt: 2,
      options: { headers: { h: '1' } },
    });
  });

  it('is recovered when its process is gone, without what has ended', async () => {
    const batch = await open();
    await nack(worker, group, batch, batch.events[0]!);
    await turnAll(2);
    await engine.rows(`update ${engine.s}.worker set dead = true where worker = $1`, [worker.id]);
    const recovered = await engine.main.upkeep.recover(group.id, worker.id, false);
    expect(recovered.lost.toSorted()).toEqual(ids.slice(1).toSorted());
    expect(await ack(worker, group, batch)).toMatchObject([{ state: 'l' }]);
  });

  it('that is one of a group that holds the stream, says of the next event nothing that was said of its own', async () => {
    await keep(GONE);
    group = await stream.group('g', 'end', { hold: 'stream' });
    const [, second, third] = await stream.publish(engine.main, {}, {}, {});
    const first = await take(worker, group, { limit: 1 });
    await rewind(worker, group, first.batch!, {
      after: null,
      delay: 0,
      tries: { attempt: 3, errors: [{ message: 'no' }], single: 2, skip: [second!] },
    });
    await turnAll();
    const again = await take(worker, group);
    expect(again.batch!.tries).toMatchObject({ attempt: 3, single: 2 });
    await turnAll();
    await ack(worker, group, again.batch!);
    await turnAll(2);
    const next = await take(worker, group);
    expect(idsOf(next.batch!.events)).toEqual([second]);
    expect(next.batch!.tries).toEqual({ single: 1, skip: [second] });
    await ack(worker, group, next.batch!);
    await turnAll(2);
    const last = await take(worker, group);
    expect(idsOf(last.batch!.events)).toEqual([third]);
    await ack(worker, group, last.batch!);
    await turnAll(2);
    await stream.publish();
    expect((await take(worker, group)).batch!.tries).toBeNull();
  });
});
