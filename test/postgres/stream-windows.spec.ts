import { describe, expect, it } from 'vitest';
import { failure, testEngine } from '../support/engine.js';
import { ack, idsOf, take, takeIds, TestStream } from '../support/streams.js';

const engine = testEngine();

describe('events', () => {
  it('are read as they were published, in the order of one call and of the log', async () => {
    const stream = await TestStream.make(engine);
    const before = Date.now() - 60_000;
    const ids = await stream.publish(
      engine.main,
      { type: 'order.created', data: { id: 1 }, key: 'a', headers: { trace: '1' } },
      { data: null },
      { type: 'order.paid', data: 'text\u0001\n', key: 'b' },
    );
    const events = await stream.read();
    expect(idsOf(events)).toEqual(ids);
    expect(events.map(({ type, data, key, headers }) => [type, data, key, headers && JSON.parse(headers)])).toEqual([
      ['order.created', '{"id":1}', 'a', { trace: '1' }],
      ['default', 'null', null, null],
      ['order.paid', '"text\\u0001\\n"', 'b', null],
    ]);
    for (const { publishedAt } of events) expect(publishedAt).toBeGreaterThan(before);
  });

  it('are in no stream after a rollback, and in it after the commit', async () => {
    const [stream, slow] = [await TestStream.make(engine), await engine.session()];
    await slow.client.query('begin');
    await stream.publish(slow);
    await slow.rollback();
    expect(await stream.read()).toEqual([]);
    await slow.client.query('begin');
    const ids = await stream.publish(slow, {}, {});
    expect(await stream.read()).toEqual([]);
    await slow.commit();
    expect(idsOf(await stream.read())).toEqual(ids);
  });

  it('are read on from any one’s cursor, whatever has committed in between', async () => {
    const [stream, slow] = [await TestStream.make(engine), await engine.session()];
    await slow.client.query('begin');
    const late = await stream.publish(slow, {}, {});
    const early = await stream.publish(engine.main, {}, {}, {});
    const first = await stream.read();
    expect(idsOf(first)).toEqual(early);
    await slow.commit();
    const later = await stream.publish();
    expect(idsOf(await stream.read({ cursor: first[0]!.cursor }))).toEqual([...early.slice(1), ...late, ...later]);
    expect(idsOf(await stream.read({ cursor: first[2]!.cursor }))).toEqual([...late, ...later]);
    const all = await stream.read({ cursor: first[2]!.cursor });
    expect(idsOf(await stream.read({ cursor: all[0]!.cursor }))).toEqual([late[1], ...later]);
  });

  it('are read in pages that lose and repeat nothing, of a number and of a size', async () => {
    const stream = await TestStream.make(engine);
    const ids = await stream.publish(
      engine.main,
      ...Array.from({ length: 25 }, (_, i) => ({ data: 'x'.repeat(i * 10) })),
    );
    for (const [limit, maxBytes] of [
      [7, 1e9],
      [100, 500],
      [100, 1],
    ] as const) {
      const read: string[] = [];
      let cursor: { cursor: string } | 'start' = 'start';
      for (let more = true; more;) {
        const page = await engine.main.streams.read(stream.name, { from: cursor, limit, maxBytes, types: null });
        expect(page.events.length).toBeLessThanOrEqual(limit);
        read.push(...idsOf(page.events));
        cursor = { cursor: page.cursor };
        more = page.more;
      }
      expect(read).toEqual(ids);
    }
  });

  it('are read by type', async () => {
    const stream = await TestStream.make(engine);
    const ids = await stream.publish(engine.main, { type: 'a' }, { type: 'b' }, { type: 'c' }, { type: 'a' });
    const page = await engine.main.streams.read(stream.name, {
      from: 'start',
      limit: 2,
      maxBytes: 1e9,
      types: ['a', 'c'],
    });
    expect(idsOf(page.events)).toEqual([ids[0], ids[2]]);
  });

  it('are those of one stream only', async () => {
    const [one, other] = [await TestStream.make(engine), await TestStream.make(engine)];
    const ids = await one.publish();
    await other.publish();
    expect(idsOf(await one.read())).toEqual(ids);
  });
});

describe('a cursor', () => {
  it.each(['/900000000000:900000000000:/', '/900000000000:900000000000:/5/7'])(
    'of another cluster, ahead of this one, is refused: %s',
    async (cursor) => {
      const stream = await TestStream.make(engine);
      await stream.group('g');
      await expect(stream.read({ cursor })).rejects.toThrow('ahead of this server');
      await expect(engine.main.streams.seek(stream.name, 'g', { cursor })).rejects.toThrow('ahead of this server');
    },
  );
});

describe('publishing from SQL', () => {
  it('appends in the caller’s transaction, with a type, a key and headers, and returns the id', async () => {
    const stream = await TestStream.make(engine);
    const [row] = await engine.rows(
      `select ${engine.s}.publish($1, 'order.created', '{"id": 7}', 'k', '{"a": "b"}') as id`,
      [stream.name],
    );
    const [event] = await stream.read();
    expect({ ...event, cursor: undefined }).toMatchObject({ id: row.id, type: 'order.created', key: 'k' });
    expect([JSON.parse(event!.data), JSON.parse(event!.headers!)]).toEqual([{ id: 7 }, { a: 'b' }]);
    await engine.rows(`select ${engine.s}.publish($1)`, [stream.name]);
    expect((await stream.read()).at(-1)).toMatchObject({ type: 'default', data: 'null', key: null, headers: null });
  });

  it.each([
    [`''`, `'t'`, 'null', 'null'],
    [`null`, `'t'`, 'null', 'null'],
    [`'s'`, `''`, 'null', 'null'],
    [`'s'`, `E'a\\x1fb'`, 'null', 'null'],
    [`'s'`, `'t'`, `''`, 'null'],
    [`'s'`, `'t'`, 'null', `'[]'`],
    [`'s'`, `'t'`, 'null', `'{"a": 1}'`],
  ])('refuses %s, %s, key %s, headers %s before anything is written', async (stream, type, key, headers) => {
    expect(
      await failure(engine.rows(`select ${engine.s}.publish(${stream}, ${type}, 'null', ${key}, ${headers})`)),
    ).toBe('PQ005');
  });
});

describe('a group', () => {
  it('begins at the start or at the end, and sees each event once', async () => {
    const [stream, worker] = [await TestStream.make(engine), await engine.worker()];
    const old = await stream.publish(engine.main, {}, {});
    const [fromStart, fromEnd] = [await stream.group('a', 'start'), await stream.group('b')];
    const fresh = await stream.publish(engine.main, {}, {});
    expect(await takeIds(worker, fromStart)).toEqual([...old, ...fresh]);
    expect(await takeIds(worker, fromEnd)).toEqual(fresh);
    for (const group of [fromStart, fromEnd]) expect(await takeIds(worker, group)).toEqual([]);
  });

  it('that begins at the end sees what was open then', async () => {
    const [stream, worker, slow] = [await TestStream.make(engine), await engine.worker(), await engine.session()];
    await slow.client.query('begin');
    const late = await stream.publish(slow);
    const group = await stream.group('g');
    expect(await takeIds(worker, group)).toEqual([]);
    await slow.commit();
    expect(await takeIds(worker, group)).toEqual(late);
  });

  it('is made once by processes that start together', async () => {
    const stream = await TestStream.make(engine);
    const sessions = await Promise.all(Array.from({ length: 8 }, async () => engine.session()));
    const made = await Promise.all(
      sessions.map(async (session) => session.streams.subscribe(stream.name, 'g', 'start')),
    );
    expect(new Set(made.map(({ id }) => id)).size).toBe(1);
    expect(made.filter(({ isNew }) => isNew)).toHaveLength(1);
  });

  it('takes batches of the size that is asked for, and its processes different ones', async () => {
    const [stream, one, other] = [await TestStream.make(engine), await engine.worker(), await engine.worker()];
    const group = await stream.group('g');
    const ids = await stream.publish(engine.main, ...Array.from({ length: 10 }, () => ({})));
    expect(await takeIds(one, group, { limit: 4 })).toEqual(ids.slice(0, 4));
    expect(await takeIds(other, group, { limit: 4 })).toEqual(ids.slice(4, 8));
    expect((await take(one, group, { limit: 2 })).more).toBe(true);
    expect((await take(one, group, { limit: 2 })).more).toBe(false);
  });

  it('loses and repeats nothing with forty open transactions between committed ones', async () => {
    const [stream, worker] = [await TestStream.make(engine), await engine.worker()];
    const group = await stream.group('g');
    const open = [];
    const committed: string[] = [];
    for (let i = 0; i < 40; i++) {
      const slow = await engine.session();
      await slow.client.query('begin');
      open.push({ slow, ids: await stream.publish(slow) });
      committed.push(...(await stream.publish()));
    }
    expect(await takeIds(worker, group, { limit: 25 })).toEqual(committed.slice(0, 25));
    expect(await takeIds(worker, group)).toEqual(committed.slice(25));
    const late: string[] = [];
    for (const [i, { slow, ids }] of open.entries()) {
      if (i % 3 === 0) await slow.rollback();
      else {
        late.push(...ids);
        await slow.commit();
      }
      await slow.client.end();
    }
    expect(await takeIds(worker, group, { limit: 10 })).toEqual(late.slice(0, 10));
    expect(await takeIds(worker, group)).toEqual(late.slice(10));
    expect(await takeIds(worker, group)).toEqual([]);
  });

  it('reads every segment of the ring, in order', async () => {
    const [stream, worker] = [await TestStream.make(engine), await engine.worker()];
    const group = await stream.group('g');
    const ids: string[] = [];
    for (const segment of [1, 2, 0, 2, 1, 0]) {
      await engine.switchRing('event', segment);
      ids.push(...(await stream.publish(engine.main, {}, {}, {})));
    }
    expect(await takeIds(worker, group, { limit: 7 })).toEqual(ids.slice(0, 7));
    expect(await takeIds(worker, group)).toEqual(ids.slice(7));
  });

  it('appends nothing for a look that finds nothing', async () => {
    const [stream, worker] = [await TestStream.make(engine), await engine.worker()];
    const group = await stream.group('g');
    const leases = async (): Promise<number> =>
      (await engine.rows(`select count(*)::int as n from ${engine.s}.lease where queue_id = $1`, [group.id]))[0].n;
    const before = await leases();
    for (let i = 0; i < 5; i++) expect((await take(worker, group)).batch).toBeUndefined();
    expect(await leases()).toBe(before);
  });

  it('that holds the stream waits for its open batch', async () => {
    const [stream, one, other] = [await TestStream.make(engine), await engine.worker(), await engine.worker()];
    const group = await stream.group('g', 'end', { hold: 'stream' });
    const ids = await stream.publish(engine.main, {}, {});
    const { batch } = await take(one, group, { limit: 1 });
    expect(await takeIds(other, group)).toEqual([]);
    await ack(one, group, batch!);
    expect(await takeIds(other, group)).toEqual([ids[1]]);
  });

  it.each(['repeatable read', 'serializable'])('is not read in %s: its snapshot would be an old one', async (level) => {
    const [stream, worker] = [await TestStream.make(engine), await engine.worker()];
    const group = await stream.group('g');
    await worker.session.client.query(`begin isolation level ${level}`);
    expect(await failure(take(worker, group))).toBe('PQ003');
    await worker.session.rollback();
  });
});
