import { describe, expect, it } from 'vitest';
import { testEngine, type TestWorker } from '../support/engine.js';
import { ack, idsOf, nack, rewind, take, takeIds, TestStream, type TestGroup } from '../support/streams.js';

const engine = testEngine();

async function bury(worker: TestWorker, group: TestGroup): Promise<string[]> {
  await engine.rows(`update ${engine.s}.worker set dead = true where worker = $1`, [worker.id]);
  return (await engine.main.upkeep.recover(group.id, worker.id, false)).stalled as string[];
}

const complete = async (
  worker: TestWorker,
  group: TestGroup,
  id: string,
  batch: { lease: { n: string } },
): Promise<void> =>
  worker.session.work.completeIn(worker.session.client, worker.id, group.id, {
    key: id,
    run: -Number(batch.lease.n),
    lease: batch.lease as never,
    ran: 1,
    output: null,
  });

describe('a group that holds the stream', () => {
  it('goes on where a batch’s events stopped, not before it is time, and says what was tried', async () => {
    const [stream, worker] = [await TestStream.make(engine), await engine.worker()];
    const group = await stream.group('g', 'end', { hold: 'stream' });
    const ids = await stream.publish(engine.main, {}, {}, {}, {});
    const { batch } = await take(worker, group, { limit: 3 });
    const tries = { attempt: 2, errors: [{ message: 'no' }] };
    await rewind(worker, group, batch!, { after: batch!.events[0]!.cursor, delay: 60_000, tries });
    const early = await take(worker, group);
    expect(early.batch).toBeUndefined();
    expect(early.lookIn).toBeGreaterThan(50_000);
    await engine.rows(
      `update ${engine.s}.lease_0 set due_until = now() where queue_id = $1 and due_until is not null`,
      [group.id],
    );
    const again = await take(worker, group);
    expect(idsOf(again.batch?.events)).toEqual(ids.slice(1));
    expect(again.batch!.tries).toEqual(tries);
    await ack(worker, group, again.batch!);
    await stream.publish();
    expect((await take(worker, group)).batch!.tries).toBeNull();
  });

  it('is not moved back by a batch when somebody has moved it since', async () => {
    const [stream, worker] = [await TestStream.make(engine), await engine.worker()];
    const group = await stream.group('g', 'end', { hold: 'stream' });
    await stream.publish(engine.main, {}, {});
    const { batch } = await take(worker, group);
    await engine.main.streams.seek(stream.name, 'g', 'end');
    await rewind(worker, group, batch!, { after: null, delay: 0, tries: null });
    expect(await takeIds(worker, group)).toEqual([]);
  });

  it('comes back event by event when its process is gone, behind those that ended in a transaction', async () => {
    const [stream, dead, worker] = [await TestStream.make(engine), await engine.worker(), await engine.worker()];
    const group = await stream.group('g', 'end', { hold: 'stream' });
    const ids = await stream.publish(engine.main, {}, {}, {}, {});
    const { batch } = await take(dead, group);
    await complete(dead, group, ids[0]!, batch!);
    expect(await takeIds(worker, group)).toEqual([]);
    expect(await bury(dead, group)).toEqual([]);
    for (const [i, id] of ids.slice(1).entries()) {
      const one = await take(worker, group);
      expect(idsOf(one.batch?.events)).toEqual([id]);
      expect(one.batch!.tries).toMatchObject(i === 0 ? { lost: 1, single: 3 } : { single: 3 - i });
      await ack(worker, group, one.batch!);
    }
    // who comes late meets that
    await expect(complete(dead, group, ids[1]!, batch!)).rejects.toThrow('taken from this worker');
    const later = await stream.publish(engine.main, {}, {});
    expect(await takeIds(worker, group)).toEqual(later);
  });

  it('leaves an event that was lost too often to the dead letters, and goes on behind it', async () => {
    const [stream, other] = [await TestStream.make(engine), await engine.worker()];
    const group = await stream.group('g', 'end', { hold: 'stream' });
    const ids = await stream.publish(engine.main, {}, {}, {});
    const stalled: string[] = [];
    for (let i = 0; i < 3; i++) {
      const worker = await engine.worker();
      await take(worker, group);
      stalled.push(...(await bury(worker, group)));
    }
    expect(stalled).toEqual([ids[0]]);
    expect(await takeIds(other, group)).toEqual(ids.slice(1));
    const rows = await engine.rows(`select job_id, reason, lost from ${engine.s}.dead where queue_id = $1`, [group.id]);
    expect(rows).toEqual([{ job_id: ids[0], reason: 'stalled', lost: 3 }]);
  });
});

describe('a group that holds keys', () => {
  const keyed = (...keys: string[]): { key: string }[] => keys.map((key) => ({ key }));

  /** Takes what there is, slot by slot. */
  async function takeAll(worker: TestWorker, group: TestGroup): Promise<string[][]> {
    const batches: string[][] = [];
    for (;;) {
      const { batch } = await take(worker, group);
      if (batch === undefined) return batches;
      batches.push(idsOf(batch.events));
    }
  }

  it('hands each slot’s events out in their order, those without a key by themselves, and a slot once at a time', async () => {
    const [stream, worker] = [await TestStream.make(engine), await engine.worker()];
    const group = await stream.group('g', 'end', { hold: 'key' });
    const keys = Array.from({ length: 60 }, (_, i) => `key ${i % 20}`);
    const ids = await stream.publish(engine.main, ...keyed(...keys), {}, {});
    const batches = await takeAll(worker, group);
    expect(batches.flat().toSorted((a, b) => Number(a) - Number(b))).toEqual(ids);
    expect(batches).toContainEqual(ids.slice(60));
    for (let k = 0; k < 20; k++) {
      const own = ids.filter((_, i) => keys[i] === `key ${k}`);
      const slot = batches.find((batch) => batch.includes(own[0]!))!;
      expect(slot.filter((id) => own.includes(id))).toEqual(own);
    }
    // all are open
    await stream.publish(engine.main, ...keyed(...keys), {});
    expect(await takeAll(await engine.worker(), group)).toEqual([]);
  });

  it('counts what each slot has still to take', async () => {
    const [stream, worker] = [await TestStream.make(engine), await engine.worker()];
    const group = await stream.group('g', 'start', { hold: 'key' });
    await stream.publish(engine.main, ...keyed('a', 'b', 'c', 'a'), {});
    expect(await engine.main.streams.lag(stream.name)).toEqual({ g: 5 });
    const { batch } = await take(worker, group);
    expect(await engine.main.streams.lag(stream.name, 'g')).toEqual({ g: 5 - batch!.events.length });
  });

  it('comes back without those of a lost batch that have ended, wherever they stand in it', async () => {
    const [stream, dead, worker] = [await TestStream.make(engine), await engine.worker(), await engine.worker()];
    const group = await stream.group('g', 'end', { hold: 'key' });
    const ids = await stream.publish(engine.main, ...keyed('a', 'a', 'a', 'a'));
    const { batch } = await take(dead, group);
    await complete(dead, group, ids[2]!, batch!);
    await bury(dead, group);
    const seen: string[] = [];
    for (;;) {
      const again = (await take(worker, group)).batch;
      if (again === undefined) break;
      const skip = new Set((again.tries?.skip ?? []).map(String));
      seen.push(...idsOf(again.events).filter((id) => !skip.has(id)));
      await ack(worker, group, again);
    }
    expect(seen).toEqual([ids[0], ids[1], ids[3]]);
  });

  it('says which keys are held, and lets the next of a key go when the one before it has ended', async () => {
    const [stream, worker] = [await TestStream.make(engine), await engine.worker()];
    const group = await stream.group('g', 'end', { hold: 'key' });
    const [first, second, third] = await stream.publish(engine.main, ...keyed('a', 'a', 'a'));
    const { batch } = await take(worker, group);
    const [one, two, three] = batch!.events as [never, never, never];
    await nack(worker, group, batch!, one, { state: 'r', charge: 1, to: 'home', key: { hold: 'a' } });
    await nack(worker, group, batch!, two, { state: 'm', charge: 0, key: { park: 'a' } });
    await nack(worker, group, batch!, three, { state: 'm', charge: 0, key: { park: 'a' } });
    await ack(worker, group, batch!);
    await stream.publish(engine.main, ...keyed('a'));
    expect((await take(worker, group)).batch!.held).toEqual(['a']);
    const queue = { id: group.id, name: group.name };
    for (const id of [first, second, third]) {
      const { runs } = await worker.claim(queue);
      expect(runs.map(({ key }) => key)).toEqual([id]);
      const followUp = { state: 'c', key: { release: 'a' } } as const;
      await worker.session.work.finish(
        worker.id,
        group.id,
        runs.map(({ key, run, lease }) => ({ key, run, lease, ran: 1, output: null, followUp })),
        false,
      );
    }
    expect(await engine.rows(`select * from ${engine.s}.held_key where group_id = $1`, [group.id])).toEqual([]);
  });

  it('lets a key go whose event ended without a word: removed, or with its process', async () => {
    const [stream, worker] = [await TestStream.make(engine), await engine.worker()];
    const group = await stream.group('g', 'end', { hold: 'key' });
    const [first, second] = await stream.publish(engine.main, ...keyed('a', 'a'));
    const { batch } = await take(worker, group);
    await nack(worker, group, batch!, batch!.events[0]!, { state: 'r', charge: 1, delay: 60_000, key: { hold: 'a' } });
    await nack(worker, group, batch!, batch!.events[1]!, { state: 'm', charge: 0, key: { park: 'a' } });
    await worker.session.work.releaseEnded(group.id);
    expect(await worker.claimKeys({ id: group.id, name: '' })).toEqual([]);
    await engine.rows(`select ${engine.s}.remove_job($1, $2)`, [group.id, first]);
    await worker.session.work.releaseEnded(group.id);
    expect(await worker.claimKeys({ id: group.id, name: '' })).toEqual([second]);
  });

  it('begins to hold keys, and ends that, without losing anything', async () => {
    const [stream, worker] = [await TestStream.make(engine), await engine.worker()];
    const group = await stream.group('g', 'start');
    const ids = await stream.publish(engine.main, ...keyed('a', 'b'), {}, ...keyed('c', 'a'));
    const { batch } = await take(worker, group, { limit: 2 });
    await ack(worker, group, batch!);
    await stream.group('g', 'start', { hold: 'key' });
    const seen: string[] = [];
    for (let i = 0; i < 2; i++) {
      const next = (await take(worker, group)).batch!;
      seen.push(...idsOf(next.events));
      await ack(worker, group, next);
    }
    await stream.group('g', 'start', { hold: 'nothing' });
    seen.push(...(await takeIds(worker, group)));
    expect(new Set(seen)).toEqual(new Set(ids.slice(2)));
  });

  it('ends to hold keys: what is parked can run, and only what a slot has not passed comes again', async () => {
    const [stream, worker] = [await TestStream.make(engine), await engine.worker()];
    const group = await stream.group('g', 'end', { hold: 'key' });
    const [first, second] = await stream.publish(engine.main, ...keyed('a', 'a'));
    const { batch } = await take(worker, group);
    await nack(worker, group, batch!, batch!.events[0]!, { state: 'r', charge: 1, to: 'home', key: { hold: 'a' } });
    await nack(worker, group, batch!, batch!.events[1]!, { state: 'm', charge: 0, key: { park: 'a' } });
    await ack(worker, group, batch!);
    await stream.group('g', 'end', { hold: 'nothing' });
    expect(await worker.claimKeys({ id: group.id, name: '' })).toEqual([first, second]);
    expect(await engine.rows(`select key from ${engine.s}.held_key where group_id = $1`, [group.id])).toEqual([]);
    const ids = await stream.publish();
    expect(await takeIds(worker, group)).toEqual(ids);
  });

  it('keeps no event for slots that have none', async () => {
    const [stream, worker] = [await TestStream.make(engine), await engine.worker()];
    const group = await stream.group('g', 'start', { hold: 'key' });
    await stream.publish(engine.main, ...keyed('a', 'a'));
    await ack(worker, group, (await take(worker, group)).batch!);
    const kept = async (): Promise<number> =>
      (
        await engine.rows(
          `select count(*)::int as n from ${engine.s}.event e, ${engine.s}.stream_floors() f
where f.group_id = $1 and e.stream_id = f.stream_id and not pg_visible_in_snapshot(e.txid, f.passed)`,
          [group.id],
        )
      )[0].n;
    expect(await kept()).toBeGreaterThan(0);
    await engine.rows(`select ${engine.s}.note_streams()`);
    expect(await kept()).toBe(0);
    const ids = await stream.publish(engine.main, ...keyed('a', 'b'), {});
    expect((await takeAll(worker, group)).flat().toSorted()).toEqual(ids.toSorted());
  });
});
