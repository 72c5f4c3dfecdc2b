import { describe, expect, it } from 'vitest';
import { keysOf, outcome, testEngine, type TestWorker } from '../support/engine.js';
import { ack, idsOf, nack, take, takeIds, TestStream, type TestGroup } from '../support/streams.js';

const engine = testEngine();

const asQueue = ({ id, name }: TestGroup) => ({ id, name });

/** What the log does when a process is found dead. */
async function bury(
  worker: TestWorker,
  group: TestGroup,
): Promise<{ lost: string[]; stalled: string[]; locked: number }> {
  await engine.rows(`update ${engine.s}.worker set dead = true where worker = $1`, [worker.id]);
  const [row] = await engine.rows(`select * from ${engine.s}.recover_runs($1, $2, '-infinity', 1000)`, [
    group.id,
    worker.id,
  ]);
  return row;
}

describe('a batch', () => {
  it('is ended once, with one appended row', async () => {
    const [stream, worker] = [await TestStream.make(engine), await engine.worker()];
    const group = await stream.group('g');
    await stream.publish(engine.main, {}, {}, {});
    const { batch } = await take(worker, group);
    expect(await ack(worker, group, batch!)).toEqual([]);
    expect(await ack(worker, group, batch!)).toMatchObject([{ state: 'c' }]);
    const rows = await engine.rows(`select count(*)::int as n from ${engine.s}.result where queue_id = $1`, [group.id]);
    expect(rows).toEqual([{ n: 1 }]);
  });

  it('whose answer was lost is the same when it is asked for again', async () => {
    const [stream, worker, slow] = [await TestStream.make(engine), await engine.worker(), await engine.session()];
    const group = await stream.group('g');
    await slow.client.query('begin');
    await stream.publish(slow, { key: 'late' });
    await stream.publish(engine.main, { type: 'a', key: 'k', headers: { h: '1' } }, { data: [1] }, {});
    await take(worker, group, { limit: 1 });
    await slow.commit();
    await stream.publish();
    const first = await take(worker, group, { limit: 3, claimNo: 7 });
    expect(first.batch!.events).toHaveLength(3);
    await stream.publish();
    const again = await take(worker, group, { limit: 3, claimNo: 7, again: true });
    expect(again.batch!.lease).toEqual(first.batch!.lease);
    expect(again.batch!.key).toBe(first.batch!.key);
    expect(again.batch!.events.map(({ cursor, ...event }) => ({ ...event, cursor }))).toEqual(
      first.batch!.events.map(({ cursor, ...event }) => ({ ...event, cursor })),
    );
  });

  it('that was never made is made when it is asked for again', async () => {
    const [stream, worker] = [await TestStream.make(engine), await engine.worker()];
    const group = await stream.group('g');
    const ids = await stream.publish();
    expect(await takeIds(worker, group, { claimNo: 3, again: true })).toEqual(ids);
  });
});

describe('an event of a batch', () => {
  it('that failed is a job of its group, with its id, and of no other group', async () => {
    const [stream, worker] = [await TestStream.make(engine), await engine.worker()];
    const [group, other] = [await stream.group('a'), await stream.group('b')];
    const [, id] = await stream.publish(
      engine.main,
      {},
      { type: 'paid', data: { n: 1 }, key: 'k', headers: { h: '1' } },
    );
    const { batch } = await take(worker, group);
    const error = { message: 'no', stack: 'no at …' };
    expect(await nack(worker, group, batch!, batch!.events[1]!, { state: 'r', charge: 1, to: 'home', error })).toEqual(
      [],
    );
    await ack(worker, group, batch!);
    const { runs } = await worker.claim(asQueue(group));
    expect(runs).toMatchObject([
      {
        key: id,
        run: 2,
        attempt: 2,
        maxAttempts: 6,
        name: 'paid',
        data: '{"n":1}',
        options: { key: 'k', headers: { h: '1' }, cursor: batch!.events[1]!.cursor },
        errors: [error],
      },
    ]);
    expect(await worker.claimKeys(asQueue(other))).toEqual([]);
    expect(await worker.finish(asQueue(group), [outcome(runs[0]!)])).toEqual([]);
    expect(await takeIds(worker, other)).toEqual(idsOf(batch!.events));
  });

  it('waits for its delay, and goes to the group’s dead letters in the end', async () => {
    const [stream, worker] = [await TestStream.make(engine), await engine.worker()];
    const group = await stream.group('g');
    const [later, dead] = await stream.publish(engine.main, {}, { type: 'paid' });
    const { batch } = await take(worker, group);
    await nack(worker, group, batch!, batch!.events[0]!);
    const error = { message: 'never' };
    await nack(worker, group, batch!, batch!.events[1]!, { state: 'f', reason: 'exhausted', error });
    expect(await worker.claimKeys(asQueue(group))).toEqual([]);
    const rows = await engine.rows(
      `select job_id, attempt, max_attempts, reason, name, meta from ${engine.s}.dead where queue_id = $1`,
      [group.id],
    );
    expect(rows).toEqual([
      { job_id: dead, attempt: 1, max_attempts: 6, reason: 'exhausted', name: 'paid', meta: { errors: [error] } },
    ]);
    const delayed = await engine.rows(`select job_id from ${engine.s}.delayed_jobs($1, 10)`, [group.id]);
    expect(delayed).toEqual([{ job_id: later }]);
  });

  it('cannot be ended twice', async () => {
    const [stream, worker] = [await TestStream.make(engine), await engine.worker()];
    const group = await stream.group('g');
    await stream.publish();
    const { batch } = await take(worker, group);
    const event = batch!.events[0]!;
    expect(await nack(worker, group, batch!, event)).toEqual([]);
    expect(await nack(worker, group, batch!, event)).toMatchObject([{ key: event.id, state: 'r' }]);
    expect((await engine.rows(`select * from ${engine.s}.delayed_jobs($1, 10)`, [group.id])).length).toBe(1);
  });

  it('ends in the handler’s own transaction, and is handed out again when that rolls back', async () => {
    const [stream, worker, user] = [await TestStream.make(engine), await engine.worker(), await engine.session()];
    const group = await stream.group('g');
    const ids = await stream.publish(engine.main, {}, {});
    const { batch } = await take(worker, group);
    for (const [i, end] of [(): Promise<void> => user.commit(), (): Promise<void> => user.rollback()].entries()) {
      await user.client.query('begin');
      await worker.session.work.completeIn(user.client, worker.id, group.id, {
        key: batch!.events[i]!.id,
        run: -Number(batch!.lease.n),
        lease: batch!.lease,
        ran: 1,
        output: null,
      });
      await end();
    }
    expect((await bury(worker, group)).lost).toEqual([ids[1]]);
  });
});

describe('a batch whose process is gone', () => {
  it('goes on event by event, without those that have ended, and charges no attempt', async () => {
    const [stream, dead, worker] = [await TestStream.make(engine), await engine.worker(), await engine.worker()];
    const group = await stream.group('g');
    const ids = await stream.publish(engine.main, { type: 'a' }, { type: 'b' }, { type: 'a' }, { type: 'c' });
    const { batch } = await take(dead, group);
    await nack(dead, group, batch!, batch!.events[1]!);
    expect(await bury(dead, group)).toMatchObject({ lost: [ids[0], ids[2], ids[3]], stalled: [], locked: 0 });
    const { runs } = await worker.claim(asQueue(group));
    expect(keysOf(runs)).toEqual([ids[0], ids[2], ids[3]]);
    expect(runs.map(({ run, attempt }) => [run, attempt])).toEqual([
      [2, 1],
      [2, 1],
      [2, 1],
    ]);
    expect(await bury(dead, group)).toMatchObject({ lost: [], stalled: [] });
    // and whoever comes late is refused
    expect(await ack(dead, group, batch!)).toMatchObject([{ state: 'l' }]);
    expect(await nack(dead, group, batch!, batch!.events[0]!)).toMatchObject([{ state: 'l' }]);
    await worker.session.client.query('begin');
    const late = dead.session.work.completeIn(worker.session.client, dead.id, group.id, {
      key: ids[2]!,
      run: -Number(batch!.lease.n),
      lease: batch!.lease,
      ran: 1,
      output: null,
    });
    await expect(late).rejects.toThrow('taken from this worker');
    await worker.session.rollback();
  });

  it('is left while one of its events is being completed in a transaction', async () => {
    const [stream, dead, user] = [await TestStream.make(engine), await engine.worker(), await engine.session()];
    const group = await stream.group('g');
    const ids = await stream.publish(engine.main, {}, {});
    const { batch } = await take(dead, group);
    await user.client.query('begin isolation level repeatable read');
    await dead.session.work.completeIn(user.client, dead.id, group.id, {
      key: ids[0]!,
      run: -Number(batch!.lease.n),
      lease: batch!.lease,
      ran: 1,
      output: null,
    });
    expect(await bury(dead, group)).toMatchObject({ lost: [], locked: 1 });
    await user.commit();
    expect(await bury(dead, group)).toMatchObject({ lost: [ids[1]], locked: 0 });
  });

  it('is refused to a transaction that began before, in which no row of it was visible', async () => {
    const [stream, dead, user] = [await TestStream.make(engine), await engine.worker(), await engine.session()];
    const group = await stream.group('g');
    const ids = await stream.publish();
    const { batch } = await take(dead, group);
    await user.client.query('begin isolation level repeatable read');
    await user.client.query('select 1');
    await bury(dead, group);
    const late = dead.session.work.completeIn(user.client, dead.id, group.id, {
      key: ids[0]!,
      run: -Number(batch!.lease.n),
      lease: batch!.lease,
      ran: 1,
      output: null,
    });
    await expect(late).rejects.toMatchObject({ code: '40001' });
    await user.rollback();
  });

  it('is dead when nothing may be lost', async () => {
    const [stream, worker] = [await TestStream.make(engine), await engine.worker()];
    const group = await stream.group('g');
    const ids = await stream.publish();
    const name = (await engine.rows(`select name from ${engine.s}.queue where queue_id = $1`, [group.id]))[0].name;
    await engine.rows(`update ${engine.s}.worker set max_stalled = $2 where worker = $1`, [worker.id, { [name]: 0 }]);
    await take(worker, group);
    expect(await bury(worker, group)).toMatchObject({ lost: [], stalled: ids });
    const rows = await engine.rows(`select job_id, reason from ${engine.s}.dead where queue_id = $1`, [group.id]);
    expect(rows).toEqual([{ job_id: ids[0], reason: 'stalled' }]);
  });

  it('is known to the process itself as open, when its answer was lost', async () => {
    const [stream, worker] = [await TestStream.make(engine), await engine.worker()];
    const group = await stream.group('g');
    await stream.publish();
    const { batch } = await take(worker, group);
    expect(await worker.session.work.openRuns(worker.id, 0)).toEqual([
      { queueId: group.id, key: batch!.key, run: 1, lease: batch!.lease, isBatch: true },
    ]);
    await ack(worker, group, batch!);
    expect(await worker.session.work.openRuns(worker.id, 0)).toEqual([]);
  });
});
