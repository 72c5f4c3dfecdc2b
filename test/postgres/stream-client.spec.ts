import { describe, expect, it } from 'vitest';
import type { ReceivedBatch } from '../../lib/engine/batch-engine.interface.js';
import { failure, outcome, type Session, testEngine } from '../support/engine.js';
import { until } from '../support/signals.js';
import { ack, idsOf, take, takeIds, type TestGroup, TestStream } from '../support/streams.js';

const engine = testEngine();
const MANY = 1_000;

const eventsOf = (batch: ReceivedBatch | undefined): string[] => idsOf(batch?.events.map(({ record }) => record));
const asQueue = ({ id, name }: TestGroup) => ({ id, name });

async function receive(
  { stream, name }: TestGroup,
  session: Session = engine.main,
  max = MANY,
): Promise<ReceivedBatch | undefined> {
  return session.batches.receive(stream, name, max);
}

async function nack(batch: ReceivedBatch, i: number, delay = 0, session: Session = engine.main): Promise<void> {
  await session.batches.nack(batch.id, batch.events[i]!.record, delay, 'no');
}

async function withGroup(name = 'g'): Promise<[TestStream, TestGroup]> {
  const stream = await TestStream.make(engine);
  return [stream, await stream.group(name)];
}

describe('a client’s batch', () => {
  it('is another connection’s when the one that received it is cut', async () => {
    const [stream, group] = await withGroup();
    const ids = await stream.publish(engine.main, {}, {});
    const [crashing, other] = [await engine.session(), await engine.session()];
    const batch = await receive(group, crashing);
    const [{ pid }] = (await crashing.client.query('select pg_backend_pid() as pid')).rows;
    await engine.rows('select pg_terminate_backend($1)', [pid]);
    const again = await receive(group, other);
    expect([again!.id, eventsOf(again)]).toEqual([batch!.id, ids]);
  });

  it('never was when its receiver is cut before it is handed out', async () => {
    const [stream, group] = await withGroup();
    const ids = await stream.publish(engine.main, {}, {});
    const crashing = await engine.session();
    await crashing.client.query('begin');
    const lost = await crashing.client.query(`select claim_no from ${engine.s}.receive_batch($1, 10, 1000)`, [
      group.id,
    ]);
    const [{ pid }] = (await crashing.client.query('select pg_backend_pid() as pid')).rows;
    await engine.rows('select pg_terminate_backend($1)', [pid]);
    const batch = await receive(group);
    expect(eventsOf(batch)).toEqual(ids);
    expect(await engine.main.batches.ack(`${group.id}.${lost.rows[0].claim_no}`)).toBe(false);
    expect(await engine.main.batches.ack(batch!.id)).toBe(true);
  });

  it('that a crash of the server has lost comes again under another id, and whoever still has it ends nothing', async () => {
    const [stream, group] = await withGroup();
    const ids = await stream.publish(engine.main, {}, {});
    const lost = await receive(group);
    // as if the last commits had not reached the disk
    for (const i of [0, 1, 2]) {
      await engine.rows(`delete from ${engine.s}.lease_${i} where queue_id = $1 and job_ids is not null`, [group.id]);
    }
    const batch = await receive(group);
    expect(eventsOf(batch)).toEqual(ids);
    expect(batch!.id).not.toBe(lost!.id);
    expect(await engine.main.batches.ack(lost!.id)).toBe(false);
    await expect(nack(lost!, 0)).rejects.toMatchObject({ code: 'PGQUEUE_UNKNOWN_BATCH' });
    expect((await receive(group))!.id).toBe(batch!.id);
  });

  it('is the same for all who receive at the same time', async () => {
    const [stream, group] = await withGroup();
    const ids = await stream.publish(engine.main, ...Array.from({ length: 20 }, () => ({})));
    const sessions = await Promise.all(Array.from({ length: 8 }, async () => engine.session()));
    const batches = await Promise.all(sessions.map(async (session) => receive(group, session, 5)));
    expect(new Set(batches.map((batch) => batch!.id)).size).toBe(1);
    for (const batch of batches) expect(eventsOf(batch)).toEqual(ids.slice(0, 5));
  });

  it('is one of many that have each event once, whoever receives and acknowledges meanwhile', async () => {
    const [stream, group] = await withGroup();
    const [sessions, late] = [
      await Promise.all(Array.from({ length: 4 }, async () => engine.session())),
      await engine.session(),
    ];
    await late.client.query('begin');
    const published = await stream.publish(late, ...Array.from({ length: 20 }, () => ({})));
    published.push(...(await stream.publish(engine.main, ...Array.from({ length: 200 }, () => ({})))));
    const batches = new Map<string, string>();
    let acks = 0;
    const drain = async (session: Session): Promise<void> => {
      for (let batch = await receive(group, session, 7); batch !== undefined;) {
        const ids = eventsOf(batch).join();
        expect(batches.get(batch.id) ?? ids).toBe(ids);
        batches.set(batch.id, ids);
        if (await session.batches.ack(batch.id)) acks++;
        batch = await receive(group, session, 7);
      }
    };
    await Promise.all(sessions.map(drain));
    await late.commit();
    await Promise.all(sessions.map(drain));
    expect(acks).toBe(batches.size);
    expect([...batches.values()].flatMap((ids) => ids.split(',')).toSorted()).toEqual(published.toSorted());
  });

  it('is handed out in one piece, be it of many stretches, types and transactions', async () => {
    const [stream, group, slow] = [...(await withGroup()), await engine.session()];
    await slow.client.query('begin');
    await stream.publish(slow, { type: 'late', key: 'late' });
    await stream.publish(engine.main, { type: 'a', key: 'k', headers: { h: '1' } }, { data: [1] });
    await engine.main.batches.ack((await receive(group, engine.main, 1))!.id);
    await slow.commit();
    await stream.publish();
    const batch = await receive(group);
    expect(batch!.events.map(({ record: { type, key } }) => [type, key])).toEqual([
      ['default', null],
      ['late', 'late'],
      ['default', null],
    ]);
    const events = ({ events: its }: ReceivedBatch): unknown[] =>
      its.map(({ record, retryCount }) => [{ ...record }, record.cursor, retryCount]);
    expect(events((await receive(group))!)).toEqual(events(batch!));
    // each of them is found where it stands; together they come in the order of their ids
    for (const i of [0, 1, 2]) await nack(batch!, i);
    expect(await engine.main.batches.ack(batch!.id)).toBe(true);
    const again = await receive(group);
    expect(again!.events.map(({ record: { id, cursor }, retryCount }) => [id, cursor, retryCount])).toEqual(
      batch!.events.map(({ record: { id, cursor } }) => [id, cursor, 1]).toSorted(([a], [b]) => Number(a) - Number(b)),
    );
  });

  it('of which everything was nacked is over for whoever receives next', async () => {
    const [stream, group] = await withGroup();
    const ids = await stream.publish(engine.main, {}, {});
    const delivered: string[][] = [];
    let last: ReceivedBatch | undefined;
    for (
      let batch = await receive(group, engine.main, 1);
      delivered.length < 4;
      batch = await receive(group, engine.main, 1)
    ) {
      delivered.push([...eventsOf(batch), String(batch!.events[0]!.retryCount)]);
      expect(batch!.id).not.toBe(last?.id);
      // neither of these is acknowledged: the first is of the stream, the second of what comes again
      if (delivered.length < 3) await nack(batch!, 0);
      else await engine.main.batches.ack(batch!.id);
      expect(await engine.main.batches.ack(last?.id ?? '0')).toBe(false);
      last = batch;
    }
    expect(delivered).toEqual([
      [ids[0], '0'],
      [ids[0], '1'],
      [ids[0], '2'],
      [ids[1], '0'],
    ]);
  });

  it.each(['repeatable read', 'serializable'])(
    'is not for transactions that are %s: the connection sees to that',
    async (level) => {
      const [stream, group] = await withGroup();
      await stream.publish(engine.main, {}, {});
      const batch = await receive(group);
      const session = await engine.session();
      for (const refused of [
        async () => receive(group, session),
        async () => session.batches.ack(batch!.id),
        async () => nack(batch!, 0, 0, session),
      ]) {
        await session.client.query(`begin isolation level ${level}`);
        expect(await failure(refused())).toBe('PQ003');
        await session.rollback();
      }
    },
  );
});

describe('an event that a client nacks', () => {
  it('comes again though it was nacked in an earlier batch, before a seek()', async () => {
    const [stream, group] = await withGroup();
    const ids = await stream.publish();
    for (let pass = 0; pass < 3; pass++) {
      const batch = await receive(group);
      expect(batch!.events.map(({ record: { id }, retryCount }) => [id, retryCount])).toEqual([[ids[0], 0]]);
      await nack(batch!, 0);
      await nack(batch!, 0);
      await engine.main.batches.ack(batch!.id);
      const again = await receive(group);
      expect(again!.events.map(({ record: { id }, retryCount }) => [id, retryCount])).toEqual([[ids[0], 1]]);
      await engine.main.batches.ack(again!.id);
      expect(await receive(group)).toBeUndefined();
      await engine.main.streams.seek(stream.name, group.name, 'start');
    }
  });

  it('comes again once when two nack it, of whom one commits between what the other looks at', async () => {
    const [stream, group] = await withGroup();
    const [id] = await stream.publish();
    const batch = await receive(group);
    const [one, other, between] = [await engine.session(), await engine.session(), await engine.session()];
    await one.client.query('begin');
    await nack(batch!, 0, 0, one);
    // it is let in when the first has committed, and whoever looks at dead events comes after it
    const locked = between.client.query(`begin; lock table ${engine.s}.dead in access exclusive mode; commit`);
    const waiting = async (n: number): Promise<void> =>
      until(`${n} to wait`, async () => {
        const pids = [other, between].map(({ client }) => (client as unknown as { processID: number }).processID);
        const found = await engine.rows('select distinct pid from pg_locks where not granted and pid = any($1)', [
          pids,
        ]);
        return found.length === n;
      });
    await waiting(1);
    const second = nack(batch!, 0, 0, other);
    await waiting(2);
    await one.commit();
    await Promise.all([locked, second]);
    expect(await engine.rows(`select job_id from ${engine.s}.delayed where queue_id = $1`, [group.id])).toEqual([
      { job_id: id },
    ]);
  });

  it('is not found where somebody says that it stands elsewhere', async () => {
    const [stream, group] = await withGroup();
    await stream.publish(engine.main, {}, {});
    const [one, two] = (await receive(group))!.events.map(({ record }) => record);
    const { id } = (await receive(group))!;
    for (const cursor of ['', 'x', two!.cursor, one!.cursor.replace(/\d+$/, '9')]) {
      const refused = engine.main.batches.nack(id, { id: one!.id, cursor }, 0, undefined);
      await expect(refused).rejects.toMatchObject({ code: 'PGQUEUE_UNKNOWN_BATCH' });
    }
    await engine.main.batches.nack(id, one!, 0, undefined);
  });

  it('keeps what each attempt failed with', async () => {
    const [stream, group] = await withGroup();
    await engine.rows(`update ${engine.s}.queue set settings = '{"attempts": 3}' where queue_id = $1`, [group.id]);
    await stream.publish();
    for (const reason of ['first', undefined, 'third']) {
      const batch = await receive(group);
      await engine.main.batches.nack(batch!.id, batch!.events[0]!.record, 0, reason);
      await engine.main.batches.ack(batch!.id);
    }
    const rows = await engine.rows(`select attempt, run, reason, meta from ${engine.s}.dead where queue_id = $1`, [
      group.id,
    ]);
    expect(rows).toEqual([
      { attempt: 3, run: 4, reason: 'exhausted', meta: { errors: [{ message: 'first' }, { message: 'third' }] } },
    ]);
  });

  it('waits for its delay by the database’s clock', async () => {
    const [stream, group] = await withGroup();
    await stream.publish();
    const batch = await receive(group);
    const now = async (): Promise<Date> => (await engine.rows('select clock_timestamp() as now'))[0].now;
    const before = await now();
    await nack(batch!, 0, 90_000);
    const after = await now();
    const rows = await engine.rows(
      `select run_at - interval '90 s' between $2 and $3::timestamptz + interval '1 ms' as waits from ${engine.s}.delayed where queue_id = $1`,
      [group.id, before, after],
    );
    expect(rows).toEqual([{ waits: true }]);
  });
});

describe('beside consumers of its group', () => {
  it('a client’s batch is another than theirs, and each has its own events', async () => {
    const [stream, group, worker] = [...(await withGroup()), await engine.worker()];
    const ids = await stream.publish(engine.main, ...Array.from({ length: 6 }, () => ({})));
    const theirs = await take(worker, group, { limit: 2 });
    const batch = await receive(group, engine.main, 2);
    expect(idsOf(theirs.batch!.events)).toEqual(ids.slice(0, 2));
    expect(eventsOf(batch)).toEqual(ids.slice(2, 4));
    expect(await takeIds(worker, group)).toEqual(ids.slice(4));
    expect((await receive(group))!.id).toBe(batch!.id);
    expect(await ack(worker, group, theirs.batch!)).toEqual([]);
    expect((await receive(group))!.id).toBe(batch!.id);
    expect(await engine.main.batches.ack(batch!.id)).toBe(true);
    expect(await receive(group)).toBeUndefined();
  });

  it('what comes again goes to whoever asks first, and to him alone', async () => {
    const [stream, group, worker] = [...(await withGroup()), await engine.worker()];
    const ids = await stream.publish(engine.main, {}, {}, {});
    const batch = await receive(group);
    for (const i of [0, 1, 2]) await nack(batch!, i);
    await engine.main.batches.ack(batch!.id);
    await worker.session.work.promote(group.id, 10);
    const claimed = await worker.claim(asQueue(group), { want: 1 });
    expect(claimed.runs.map(({ key, attempt, errors }) => [key, attempt, errors])).toEqual([
      [ids[0], 2, [{ message: 'no' }]],
    ]);
    const again = await receive(group);
    expect(eventsOf(again)).toEqual(ids.slice(1));
    expect(await worker.claimKeys(asQueue(group))).toEqual([]);
    expect(await worker.finish(asQueue(group), [outcome(claimed.runs[0]!)])).toEqual([]);
    expect(await engine.main.batches.ack(again!.id)).toBe(true);
    expect(await worker.claimKeys(asQueue(group))).toEqual([]);
  });

  it('what they gave up is among the dead letters, and replayed to them', async () => {
    const [stream, group, worker] = [...(await withGroup()), await engine.worker()];
    const ids = await stream.publish(engine.main, { type: 'paid', data: 1, key: 'k', headers: { h: '1' } });
    const batch = await receive(group);
    await nack(batch!, 0);
    await engine.main.batches.ack(batch!.id);
    await worker.session.work.promote(group.id, 10);
    const { runs } = await worker.claim(asQueue(group));
    await worker.endAll(asQueue(group), runs, { state: 'f', reason: 'unrecoverable', error: { message: 'never' } });
    const letters = await engine.main.batches.deadLetters({ stream: stream.name }, 10);
    expect(letters).toMatchObject([
      {
        group: 'g',
        reason: 'never',
        event: {
          retryCount: 1,
          record: { id: ids[0], type: 'paid', data: '1', key: 'k', cursor: batch!.events[0]!.record.cursor },
        },
      },
    ]);
    expect(JSON.parse(letters[0]!.event.record.headers!)).toEqual({ h: '1' });
    expect(await engine.main.batches.replay(letters[0]!.id)).toBe(1);
    expect((await worker.claim(asQueue(group))).runs.map(({ key, attempt }) => [key, attempt])).toEqual([[ids[0], 1]]);
  });

  it.each(['key', 'stream'] as const)(
    'of a group that holds its %s they alone are handed out, in its order',
    async (hold) => {
      const [stream, group, worker] = [...(await withGroup()), await engine.worker()];
      const ids = await stream.publish(engine.main, { key: 'k' }, { key: 'k' }, { key: 'k' });
      const before = await receive(group, engine.main, 1);
      await stream.group('g', 'end', { hold });
      // what is open may end
      expect(eventsOf(await receive(group))).toEqual([ids[0]]);
      expect(await engine.main.batches.ack(before!.id)).toBe(true);
      await expect(receive(group)).rejects.toMatchObject({ code: 'PGQUEUE_ORDERED_GROUP' });
      expect(await takeIds(worker, group)).toEqual(ids.slice(1));
    },
  );
});

describe('dead letters', () => {
  it('of a queue of jobs are no stream’s: their numbers replay nothing', async () => {
    const [queue, worker] = [await engine.queue(), await engine.worker()];
    await engine.main.add(queue);
    const { runs } = await worker.claim(queue);
    await worker.endAll(queue, runs, { state: 'f', reason: 'exhausted', error: { message: 'no' } });
    expect(await engine.main.batches.replay(`${queue.id}.${runs[0]!.key}`)).toBe(0);
    expect(await engine.rows(`select from ${engine.s}.dead where queue_id = $1`, [queue.id])).toHaveLength(1);
  });

  it('are replayed and purged thousands at a time', async () => {
    const [stream, group] = await withGroup();
    const insert = `insert into ${engine.s}.dead (queue_id, job_id, run, attempt, max_attempts, lane, created_at, reason, name, payload)
select $1, i, 1, 1, 1, 0, now(), 'exhausted', 'default', 'null' from generate_series(1, 2500) i`;
    await engine.rows(insert, [group.id]);
    expect(await engine.main.batches.replay({ stream: stream.name })).toBe(2500);
    let received = 0;
    for (let batch = await receive(group); batch !== undefined; batch = await receive(group)) {
      received += batch.events.length;
      await engine.main.batches.ack(batch.id);
    }
    expect(received).toBe(2500);
    await engine.rows(insert, [group.id]);
    expect(await engine.main.batches.purge(stream.name, 0)).toBe(2500);
    expect(await engine.rows(`select from ${engine.s}.dead where queue_id = $1`, [group.id])).toEqual([]);
  });
});
