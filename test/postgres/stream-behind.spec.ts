import { beforeEach, describe, expect, it } from 'vitest';
import type { GroupCheck } from '../../lib/engine/maintenance-engine.interface.js';
import { Upkeep } from '../../lib/runtime/upkeep.js';
import { RecordingLogger } from '../support/application.js';
import { keysOf, testEngine, type TestWorker } from '../support/engine.js';
import { until } from '../support/signals.js';
import { ack, idsOf, nack, rewind, take, takeIds, TestStream, type TestGroup } from '../support/streams.js';

const engine = testEngine();
const DAY = 86_400_000;

let stream: TestStream;
let worker: TestWorker;

beforeEach(async () => {
  stream = await TestStream.make(engine);
  worker = await engine.worker();
});

async function configure(settings: Parameters<typeof engine.main.streams.configure>[1]): Promise<void> {
  await engine.main.streams.configure(stream.name, settings);
}

/** Published so long ago. */
async function age(ids: readonly string[], days: number): Promise<void> {
  for (const i of [0, 1, 2])
    await engine.rows(
      `update ${engine.s}.event_${i} set published_at = now() - $2 * interval '1 day' where event_id = any($1)`,
      [ids, days],
    );
}

async function old(count: number, days = 40): Promise<string[]> {
  const ids = await stream.publish(engine.main, ...Array.from({ length: count }, () => ({})));
  await age(ids, days);
  return ids;
}

async function check(group: TestGroup): Promise<GroupCheck> {
  return (await engine.main.upkeep.checkGroup(group.id))!;
}

/** At most so many in a transaction. */
async function checkSome(group: TestGroup, limit: number): Promise<{ dropped: string; more: boolean }> {
  return (await engine.rows(`select dropped, more from ${engine.s}.check_group($1, $2)`, [group.id, limit]))[0];
}

describe('with dropAfter, a group', () => {
  beforeEach(async () => {
    await configure({ behind: { dropAfter: 30 * DAY } });
  });

  it('loses what is older, and nothing else, and is told how many', async () => {
    const [late, other] = [await stream.group('late'), await stream.group('other')];
    const ids = await old(5);
    const young = await stream.publish(engine.main, {}, {});
    await ack(worker, other, (await take(worker, other)).batch!);
    expect(await check(late)).toMatchObject({ group: 'late', dropped: 5, droppedSince: 5, events: 2, says: 'dropped' });
    expect(await check(late)).toMatchObject({ dropped: 5, droppedSince: 0, more: false });
    expect(await check(other)).toMatchObject({ dropped: 0, says: null });
    expect(await takeIds(worker, late)).toEqual(young);
    expect(idsOf(await stream.read())).toEqual([...ids, ...young]);
  });

  it('loses nothing that comes behind what is younger, and nothing that was open', async () => {
    const slow = await engine.session();
    const group = await stream.group('g');
    await slow.client.query('begin');
    const late = await stream.publish(slow);
    const first = await old(2);
    const young = await stream.publish();
    const hidden = await old(1);
    expect(await check(group)).toMatchObject({ dropped: 2 });
    await slow.commit();
    expect(await takeIds(worker, group)).toEqual([...young, ...hidden, ...late]);
    expect(first).toHaveLength(2);
  });

  it('loses it among the stragglers of a window and across two, a page at a time', async () => {
    const slow = await engine.session();
    const group = await stream.group('g');
    await slow.client.query('begin');
    const late = await stream.publish(slow, {}, {}, {});
    const [early] = await stream.publish(engine.main, {}, {});
    expect(await takeIds(worker, group, { limit: 1 })).toEqual([early]);
    const rest = (await stream.publish(engine.main, {}, {}, {})).slice(-1);
    await slow.commit();
    const all = idsOf(await stream.read()).filter((id) => id !== rest[0]);
    await age(all, 40);
    // one of the window, three stragglers, two of the next
    for (const dropped of ['2', '4', '6']) expect(await checkSome(group, 2)).toEqual({ dropped, more: true });
    expect(await checkSome(group, 2)).toEqual({ dropped: '6', more: false });
    expect(late).toHaveLength(3);
    expect(await takeIds(worker, group)).toEqual(rest);
  });

  it('keeps batches that are open and what it has to repeat', async () => {
    const group = await stream.group('g');
    const ids = await old(5);
    const { batch } = await take(worker, group, { limit: 3 });
    await nack(worker, group, batch!, batch!.events[1]!, { state: 'r', charge: 1, to: 'home' });
    expect(await check(group)).toMatchObject({ dropped: 2 });
    expect(keysOf((await worker.claim(group)).runs)).toEqual([ids[1]]);
    await engine.rows(`update ${engine.s}.worker set dead = true where worker = $1`, [worker.id]);
    expect((await engine.main.upkeep.recover(group.id, worker.id, false)).lost).toEqual(
      expect.arrayContaining([ids[0], ids[2]]),
    );
  });

  it('that holds keys loses it slot by slot', async () => {
    const group = await stream.group('g', 'end', { hold: 'key' });
    const specs = Array.from({ length: 60 }, (_, i) => (i % 4 === 0 ? {} : { key: `key ${i % 7}` }));
    await age(await stream.publish(engine.main, ...specs), 40);
    const young = await stream.publish(engine.main, ...specs);
    while ((await checkSome(group, 7)).more);
    expect(await check(group)).toMatchObject({ dropped: 60, events: 60 });
    const taken: string[] = [];
    for (let some; (some = await takeIds(worker, group)).length > 0;) taken.push(...some);
    expect(taken.toSorted()).toEqual(young.toSorted());
  });

  it('that holds the stream loses nothing before a batch it has open, or an event it tries again', async () => {
    const group = await stream.group('g', 'end', { hold: 'stream' });
    const ids = await old(6);
    const { batch } = await take(worker, group, { limit: 3 });
    expect(await check(group)).toMatchObject({ dropped: 0 });
    await rewind(worker, group, batch!, { after: batch!.events[0]!.cursor, delay: 0, tries: { attempt: 2 } });
    expect(await check(group)).toMatchObject({ dropped: 0 });
    const again = await take(worker, group, { limit: 3 });
    expect(idsOf(again.batch!.events)).toEqual(ids.slice(1, 4));
    await ack(worker, group, again.batch!);
    expect(await check(group)).toMatchObject({ dropped: 2 });
    // nobody has tried it for as long
    const more = await old(2);
    const last = await take(worker, group, { limit: 1 });
    await rewind(worker, group, last.batch!, { after: null, delay: 0, tries: { attempt: 2 } });
    for (const i of [0, 1, 2])
      await engine.rows(
        `update ${engine.s}.lease_${i} set due_until = now() - interval '31 days' where queue_id = $1`,
        [group.id],
      );
    expect(await check(group)).toMatchObject({ dropped: 2 + more.length });
  });

  it('goes on leaving out what has ended behind its position', async () => {
    const group = await stream.group('g', 'end', { hold: 'stream' });
    await old(3);
    const young = await stream.publish(engine.main, {}, {}, {});
    const { batch } = await take(worker, group);
    await rewind(worker, group, batch!, { after: null, delay: 0, tries: { skip: [young[1]!] } });
    for (const i of [0, 1, 2])
      await engine.rows(
        `update ${engine.s}.lease_${i} set due_until = now() - interval '31 days' where queue_id = $1`,
        [group.id],
      );
    expect(await check(group)).toMatchObject({ dropped: 3 });
    const again = await take(worker, group);
    expect(idsOf(again.batch!.events)).toEqual(young);
    expect(again.batch!.tries).toEqual({ skip: [young[1]] });
  });
});

describe('a group that is far behind', () => {
  it('keeps everything without dropAfter, and is told of once until it has caught up', async () => {
    const group = await stream.group('g');
    await old(3, 0.9);
    expect(await check(group)).toMatchObject({ says: null, events: 3 });
    await old(2, 1.5);
    expect(await check(group)).toMatchObject({ says: 'behind', events: 5, dropped: 0, dropAfter: null });
    expect(await check(group)).toMatchObject({ says: null });
    await takeIds(worker, group, { limit: 3 });
    expect(await check(group)).toMatchObject({ says: null, events: 2 });
    expect(await takeIds(worker, group)).toHaveLength(2);
    expect(await check(group)).toMatchObject({ says: 'caught up', events: 0, age: null });
    await old(1, 1.5);
    expect(await check(group)).toMatchObject({ says: 'behind' });
  });

  it('is one whose events are half as old as what is dropped', async () => {
    await configure({ behind: { dropAfter: 4 * DAY } });
    const group = await stream.group('g');
    await old(1, 1.9);
    expect(await check(group)).toMatchObject({ says: null });
    await old(1, 2.1);
    expect(await check(group)).toMatchObject({ says: 'behind', dropped: 0 });
    await old(1, 4.1);
    // it was said a moment ago
    expect(await check(group)).toMatchObject({ says: null });
    await engine.rows(`update ${engine.s}.stream_group set reported_at = reported_at - interval '61 minutes'`);
    await takeIds(worker, group, { limit: 2 });
    expect(await check(group)).toMatchObject({ says: 'dropped', dropped: 1, droppedSince: 1 });
  });

  it('is not one whose stream keeps nothing, for an hour', async () => {
    await configure({ retention: 0 });
    const group = await stream.group('g');
    await old(1, 0.9 / 24);
    expect(await check(group)).toMatchObject({ says: null });
    await old(1, 1.1 / 24);
    expect(await check(group)).toMatchObject({ says: 'behind' });
  });

  it('is named in a warning of the process that finds it, and what it loses in another', async () => {
    await configure({ behind: { dropAfter: 30 * DAY } });
    const group = await stream.group('late');
    const log = new RecordingLogger();
    const said = (level: string): string[] => log.texts(level).filter((text) => text.includes(`'${stream.name}'`));
    const session = await engine.session();
    const deps = { engine: session.upkeep, log, onStalled: () => undefined };
    const upkeep = new Upkeep(deps, { rows: 1e9, bytes: 1e12, age: 1e9 }, 20);
    await old(1, 20);
    const again = async (): Promise<unknown> =>
      engine.rows(`update ${engine.s}.upkeep set done_at = now() - interval '61 seconds' where task = 'behind'`);
    await again();
    upkeep.start();
    try {
      await until('the warning', () => said('warn').length > 0);
      expect(said('warn')).toEqual([
        `Group 'late' of stream '${stream.name}' is far behind: 1 event to take, the oldest published 20 days ago. It loses what is older than 30 days`,
      ]);
      await takeIds(worker, group);
      await again();
      await until('it to have caught up', () => said('log').length > 0);
      await old(1_200, 31);
      await again();
      await until('the other warning', () => said('warn').length > 1);
      expect(said('warn')[1]).toBe(
        `Group 'late' of stream '${stream.name}' lost 1,200 events that it had not taken for 30 days, 1,200 events so far; 0 events to take`,
      );
      expect(said('log')).toEqual([`Group 'late' of stream '${stream.name}' has caught up`]);
      // and what has been passed is noted
      const marks = `select count(*)::int as n from ${engine.s}.stream_mark where stream_id = $1`;
      expect(await engine.rows(marks, [group.streamId])).toEqual([{ n: 1 }]);
    } finally {
      await upkeep.stop();
    }
  });
});

describe('stream_stats', () => {
  const stats = async (): Promise<any[]> =>
    engine.rows(`select * from ${engine.s}.stream_stats where stream = $1 order by consumer_group`, [stream.name]);

  it('has a row for each group, and one for a stream without', async () => {
    await stream.publish();
    expect(await stats()).toEqual([
      {
        stream: stream.name,
        consumer_group: null,
        paused: null,
        lag: null,
        oldest: null,
        retries: null,
        dead: null,
        open_batches: null,
        dropped: null,
      },
    ]);
    await configure({ behind: { dropAfter: 30 * DAY } });
    const [one, other] = [await stream.group('one'), await stream.group('other', 'start', { hold: 'key' })];
    await old(2);
    await check(one);
    const [first] = await stream.publish(engine.main, {}, {}, {}, { key: 'k' }, { key: 'l' });
    const { batch } = await take(worker, one, { limit: 3 });
    await nack(worker, one, batch!, batch!.events[0]!);
    await nack(worker, one, batch!, batch!.events[1]!, { state: 'r', charge: 1, to: 'home' });
    await nack(worker, one, batch!, batch!.events[2]!, { state: 'f', reason: 'exhausted' });
    await ack(worker, one, (await take(worker, one, { limit: 1 })).batch!);
    await ack(worker, other, (await take(worker, other, { limit: 1 })).batch!);
    await engine.rows(`select ${engine.s}.note_streams()`);
    const event = async (id: string): Promise<Date> =>
      (await engine.rows(`select published_at from ${engine.s}.event where event_id = $1`, [id]))[0].published_at;
    const [ofOne, ofOther] = await stats();
    expect(ofOne).toMatchObject({
      consumer_group: 'one',
      paused: false,
      lag: '3',
      oldest: await event(first!),
      retries: '2',
      dead: '1',
      open_batches: '1',
      dropped: '2',
    });
    expect(ofOther).toMatchObject({ consumer_group: 'other', lag: '7', retries: '0', open_batches: '0', dropped: '0' });
    expect(await engine.main.streams.lag(stream.name)).toEqual({ one: 3, other: 7 });
    await ack(worker, one, batch!);
    expect((await stats())[0]).toMatchObject({ open_batches: '0' });
  });
});
