import { CLIENT_LANE } from '../../lib/engine/postgres/functions/streams/client-lane.js';
import { afterEach, describe, expect, it } from 'vitest';
import type { ReceivedBatch } from '../../lib/engine/batch-engine.interface.js';
import { testEngine } from '../support/engine.js';
import { idsOf, take, type TestGroup, TestStream } from '../support/streams.js';
import { transplant } from '../support/transplant.js';

const engine = testEngine();

const RINGS = ['entry', 'delayed', 'lease', 'result', 'event'];
const eventsOf = (batch: ReceivedBatch | undefined): string[] => idsOf(batch?.events.map(({ record }) => record));

async function receive({ stream, name }: TestGroup, max = 1_000): Promise<ReceivedBatch | undefined> {
  return engine.main.batches.receive(stream, name, max);
}

/** A stream that keeps no event longer than its groups need it. */
async function withGroup(): Promise<[TestStream, TestGroup]> {
  const stream = await TestStream.make(engine);
  await engine.rows(`update ${engine.s}.queue set settings = '{"retention": 0}' where name = chr(31) || $1`, [
    stream.name,
  ]);
  return [stream, await stream.group('g')];
}

/** Every ring is rotated, and all its other segments are reclaimed, so often that no row is where it was. */
async function reclaimAll(): Promise<void> {
  for (let turn = 0; turn < 2; turn++) {
    for (const ring of RINGS) {
      await engine.turn(ring);
      for (const i of [0, 1, 2]) {
        await engine.rows(
          `select ${engine.s}.reclaim(ring, $2, 10000) from ${engine.s}.ring where ring = $1 and current <> $2`,
          [ring, i],
        );
      }
    }
  }
}

async function rowsOf(ring: string, column: string, id: number): Promise<number> {
  const [{ n }] = await engine.rows(`select count(*)::int as n from ${engine.s}.${ring} where ${column} = $1`, [id]);
  return n;
}

afterEach(async () => {
  // what one test leaves open keeps the results of others
  await engine.rows(`delete from ${engine.s}.queue`);
  await reclaimAll();
});

describe('a client’s open batch', () => {
  it('is kept by reclaiming as it was handed out, with its events, which its group has passed', async () => {
    const [stream, group] = await withGroup();
    const ids = await stream.publish(engine.main, {}, {}, {}, {});
    const batch = await receive(group, 3);
    await engine.main.batches.nack(batch!.id, batch!.events[1]!.record, 3_600_000, 'no');
    await reclaimAll();
    const again = await receive(group);
    expect([again!.id, ...eventsOf(again)]).toEqual([batch!.id, ids[0], ids[2]]);
    expect(await engine.rows(`select job_id from ${engine.s}.delayed_jobs($1, 10)`, [group.id])).toEqual([
      { job_id: ids[1] },
    ]);
    // what was nacked before, and what is nacked now
    await engine.main.batches.nack(batch!.id, batch!.events[1]!.record, 0, 'no');
    await engine.main.batches.nack(batch!.id, batch!.events[2]!.record, 0, 'no');
    expect(await engine.main.batches.ack(batch!.id)).toBe(true);
    expect(await engine.main.batches.ack(batch!.id)).toBe(false);
    const next = await receive(group);
    expect(eventsOf(next)).toEqual([ids[2]]);
    await engine.main.batches.ack(next!.id);
    expect(eventsOf(await receive(group))).toEqual([ids[3]]);
  });

  it('is kept so when it is of what comes again', async () => {
    const [stream, group] = await withGroup();
    const ids = await stream.publish(engine.main, { type: 'a', data: 1, key: 'k', headers: { h: '1' } }, { type: 'b' });
    const first = await receive(group);
    for (const { record } of first!.events) await engine.main.batches.nack(first!.id, record, 0, 'no');
    await engine.main.batches.ack(first!.id);
    const batch = await receive(group);
    await engine.main.batches.nack(batch!.id, batch!.events[1]!.record, 0, 'no');
    await reclaimAll();
    const again = await receive(group);
    expect(again).toEqual({ id: batch!.id, events: [batch!.events[0]] });
    expect(again!.events[0]).toMatchObject({
      retryCount: 1,
      record: { id: ids[0], type: 'a', data: '1', key: 'k', cursor: first!.events[0]!.record.cursor },
    });
    expect(await engine.main.batches.ack(batch!.id)).toBe(true);
    await reclaimAll();
    const last = await receive(group);
    expect(last!.events.map(({ record, retryCount }) => [record.id, retryCount])).toEqual([[ids[1], 2]]);
  });

  it('leaves nothing behind when it has ended, but where the group stands', async () => {
    const [stream, group] = await withGroup();
    for (let i = 0; i < 5; i++) {
      await stream.publish(engine.main, {}, {});
      await engine.main.batches.ack((await receive(group))!.id);
    }
    expect(await rowsOf('event', 'stream_id', group.streamId)).toBe(10);
    await reclaimAll();
    expect(await rowsOf('event', 'stream_id', group.streamId)).toBe(0);
    expect(await rowsOf('result', 'queue_id', group.id)).toBe(0);
    expect(
      await engine.rows(`select lane, job_ids, worker from ${engine.s}.lease where queue_id = $1 order by lane`, [
        group.id,
      ]),
    ).toEqual([
      { lane: -2147483647, job_ids: null, worker: null },
      { lane: CLIENT_LANE, job_ids: null, worker: null },
    ]);
    const ids = await stream.publish();
    expect(eventsOf(await receive(group))).toEqual(ids);
  });

  it('goes with its group, and its events with it', async () => {
    const [stream, group] = await withGroup();
    await stream.publish(engine.main, {}, {});
    const batch = await receive(group);
    await engine.main.batches.nack(batch!.id, batch!.events[0]!.record, 3_600_000, 'no');
    const rows = async (): Promise<number[]> => [
      await rowsOf('event', 'stream_id', group.streamId),
      await rowsOf('delayed', 'queue_id', group.id),
      await rowsOf('result', 'queue_id', group.id),
      await rowsOf('lease', 'queue_id', group.id),
    ];
    await reclaimAll();
    // where the group stands, which is its batch of the stream, and the client's
    expect(await rows()).toEqual([2, 1, 1, 2]);
    expect(await engine.main.batches.unsubscribe(stream.name, 'g')).toBe(true);
    await reclaimAll();
    expect(await rows()).toEqual([0, 0, 0, 0]);
    expect(await engine.main.batches.ack(batch!.id)).toBe(false);
  });

  it('is open after its log was taken over from another cluster', async () => {
    const [stream, group] = await withGroup();
    await stream.publish(engine.main, {}, {}, {});
    const batch = await receive(group, 2);
    await transplant(engine, 1_000_000);
    expect(await engine.rows(`select ${engine.s}.adopt()`)).toEqual([{ adopt: true }]);
    const again = await receive(group);
    expect([again!.id, eventsOf(again)]).toEqual([batch!.id, eventsOf(batch)]);
    expect(await engine.main.batches.ack(batch!.id)).toBe(true);
  });

  it('is nobody’s who could be gone: neither those who look for orphans nor those who watch for deaths see it', async () => {
    const [stream, group, gone, worker] = [...(await withGroup()), await engine.worker(), await engine.worker()];
    await stream.publish(engine.main, {}, {}, {});
    await take(gone, group, { limit: 1 });
    const batch = await receive(group, 1);
    await take(worker, group, { limit: 1 });
    for (const i of [0, 1, 2]) {
      await engine.rows(`update ${engine.s}.lease_${i} set at = at - interval '1 day' where queue_id = $1`, [group.id]);
    }
    await engine.main.work.retire(gone.id);
    expect(await engine.main.upkeep.orphans()).toEqual([gone.id]);
    const nobody = '00000000-0000-0000-0000-000000000000';
    const holders = await engine.rows(
      `select distinct worker from ${engine.s}.lease where queue_id = $1 and worker is not null order by 1 limit 1`,
      [group.id],
    );
    expect(holders).toEqual([{ worker: nobody }]);
    const seen = (await engine.main.upkeep.workersSeen()).map(({ worker: id }) => id);
    expect(seen).toContain(worker.id);
    expect(seen).not.toContain(nobody);
    const shown = await engine.rows(`select worker from ${engine.s}.process_stats`);
    expect(shown).toContainEqual({ worker: worker.id });
    expect(shown).not.toContainEqual({ worker: nobody });
    expect(await engine.main.upkeep.bury(nobody, '9000000000', true)).toBe(false);
    expect((await receive(group))!.id).toBe(batch!.id);
  });
});
