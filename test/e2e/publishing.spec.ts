import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PostgresStreamEngine } from '../../lib/engine/postgres/streams/postgres-stream.engine.js';
import {
  InvalidEventError,
  InvalidTransactionError,
  type NewStreamEvent,
  type StreamEvent,
  StreamService,
  UnknownGroupError,
} from '../../lib/index.js';
import type { ApplicationParts } from '../support/application.js';
import { countedPool } from '../support/counted-pool.js';
import { testDatabase } from '../support/database.js';
import { newQueue, testApplications } from '../support/running.js';

const database = testDatabase();
const start = testApplications(database);

let streams: StreamService;
let stream: string;

/** An application that only produces, as an API instance is one. */
async function application(options: ApplicationParts['options'] = {}): Promise<StreamService> {
  return (await start({ options: { processing: false, ...options } })).app.get(StreamService);
}

beforeEach(async () => {
  stream = newQueue('stream');
  streams = await application();
});

const idsOf = (events: readonly StreamEvent[]): string[] => events.map(({ id }) => id);

/** All that a stream has, page by page. */
async function readAll(
  limit = 10_000,
  between: () => Promise<unknown> = async () => undefined,
): Promise<StreamEvent[]> {
  const all: StreamEvent[] = [];
  for (;;) {
    const page = await streams.read(stream, { after: all.at(-1)?.cursor ?? 'start', limit });
    if (page.length === 0) return all;
    expect(page.length).toBeLessThanOrEqual(limit);
    all.push(...page);
    await between();
  }
}

/** A trigger that refuses events of the type `refused`, while the work is done. */
async function refusing(work: () => Promise<void>): Promise<void> {
  const { schema, client } = database;
  await client.query(`create function ${schema}.refuse() returns trigger language plpgsql as
    $$ begin raise exception 'refused' using errcode = '23514'; end $$`);
  for (const i of [0, 1, 2]) {
    await client.query(`create trigger refuse before insert on ${schema}.event_${i}
      for each row when (new.type = 'refused') execute function ${schema}.refuse()`);
  }
  try {
    await work();
  } finally {
    await client.query(`drop function ${schema}.refuse() cascade`);
  }
}

describe('publish()', () => {
  it('resolves when the event is durable, to its id', async () => {
    const id = await streams.publish(stream, { type: 'order.created', data: { id: 7 } });
    const { rows } = await database.client.query(
      `select event_id::text as id, type, payload from ${database.schema}.event where type = 'order.created'`,
    );
    expect(rows).toEqual([{ id, type: 'order.created', payload: '{"id":7}' }]);
  });

  it('brings back what it was given, and when it was published', async () => {
    const { rows } = await database.client.query('select clock_timestamp() as at');
    const event = {
      type: 'order.paid',
      data: { total: 12.5, tags: ['a'] },
      key: 'customer 7',
      headers: { trace: 't1' },
    };
    const ids = [await streams.publish(stream, event), await streams.publish(stream, { data: null })];
    const read = await streams.read(stream);
    expect(read).toMatchObject([
      { ...event, id: ids[0], stream, retryCount: 0 },
      { id: ids[1], type: 'default', data: null, key: null, headers: {} },
    ]);
    for (const { publishedAt } of read) expect(publishedAt.getTime()).toBeGreaterThanOrEqual(rows[0].at.getTime());
  });

  it('takes names, keys, headers and data of any kind: they are parameters, never SQL', async () => {
    const odd = [
      `it's; drop table x; --`,
      'with "quotes", {braces} and spaces ',
      '😀\\',
      `%s $1 ?`,
      '*',
      '__proto__',
      '\u007f',
    ];
    for (const text of odd) {
      stream = `${text} ${newQueue()}`;
      const headers = Object.fromEntries([[text, `${text}\n\u001e\u001f`]]);
      const data = { [text]: `${text}\u001e\u001f\u2028`, gone: undefined, list: [undefined, 1e21, -0] };
      await streams.publishBulk(stream, [{ type: text, key: text, data, headers }, { data: '\u001e' }]);
      const [event, other] = await readAll();
      expect([event!.type, event!.key, event!.stream]).toEqual([text, text, stream]);
      expect(Object.entries(event!.headers)).toEqual(Object.entries(headers));
      expect(event!.data).toEqual(JSON.parse(JSON.stringify(data)));
      expect([other!.data, other!.key, other!.headers]).toEqual(['\u001e', null, {}]);
    }
  });

  it.each<[string, unknown]>([
    ['event.data.user.balance', { data: { user: { balance: 1n } } }],
    ['event.data', { data: 'x'.repeat(2_000_000) }],
    ['event.type', { type: 'a\u001fb', data: 1 }],
    ['event.key', { key: '', data: 1 }],
    ['event.headers.n', { headers: { n: 1 }, data: 1 }],
    ['event.name', { name: 'order.created', data: 1 }],
  ])('refuses a wrong %s before anything is written, and the caller’s transaction goes on', async (path, event) => {
    const tx = await database.connect();
    await tx.query('begin');
    for (const options of [undefined, { tx }]) {
      const attempt = streams.publish(stream, event as NewStreamEvent, options);
      await expect(attempt).rejects.toMatchObject({ constructor: InvalidEventError, path });
      const bulk = streams.publishBulk(stream, [{ data: 1 }, event as NewStreamEvent], options);
      await expect(bulk).rejects.toMatchObject({ path: path.replace('event', 'events[1]') });
    }
    const id = await streams.publish(stream, { data: 'good' }, { tx });
    await tx.query('commit');
    expect(idsOf(await readAll())).toEqual([id]);
  });
});

describe('an event published in a transaction', () => {
  let tx: pg.Client;
  beforeEach(async () => {
    tx = await database.connect();
    await tx.query('begin');
  });

  it('is there when that has committed, and not before', async () => {
    const ids = [await streams.publish(stream, { data: 1 }, { tx })];
    ids.push(...(await streams.publishBulk(stream, [{ data: 2 }, { data: 3 }], { tx })));
    const meanwhile = await streams.publish(stream, { data: 'meanwhile' });
    expect(idsOf(await readAll())).toEqual([meanwhile]);
    await tx.query('commit');
    expect(idsOf(await readAll())).toEqual([...ids, meanwhile]);
  });

  it('is nowhere when that was rolled back, to a savepoint, too', async () => {
    const before = await streams.publish(stream, { data: 'before' }, { tx });
    await tx.query('savepoint s');
    await streams.publish(stream, { data: 'after' }, { tx });
    await tx.query('rollback to s');
    await tx.query('commit');
    await tx.query('begin');
    await streams.publishBulk(stream, [{ data: 1 }, { data: 2 }], { tx });
    await tx.query('rollback');
    expect(idsOf(await readAll())).toEqual([before]);
  });

  it.each([
    ['a pool', () => new pg.Pool()],
    ['an object', () => ({})],
    ['null', () => null],
  ])('needs one: %s is refused, and nothing is written', async (_, make) => {
    const options = { tx: make() as never };
    await expect(streams.publish(stream, { data: 1 }, options)).rejects.toThrow(InvalidTransactionError);
    await expect(streams.publishBulk(stream, [{ data: 1 }], options)).rejects.toThrow(InvalidTransactionError);
    await tx.query('rollback');
    expect(await readAll()).toEqual([]);
  });
});

describe('publishBulk()', () => {
  it('of 12,000 publishes all in the order given, and returns their ids in it', async () => {
    const ids = await streams.publishBulk(
      stream,
      Array.from({ length: 12_000 }, (_, n) => ({
        data: { n },
        type: `type ${n % 3}`,
        ...(n % 2 > 0 && { key: `k${n}` }),
      })),
    );
    const events = await readAll();
    expect(idsOf(events)).toEqual(ids);
    expect(events.map(({ data, type, key }) => [data.n, type, key])).toEqual(
      Array.from({ length: 12_000 }, (_, n) => [n, `type ${n % 3}`, n % 2 > 0 ? `k${n}` : null]),
    );
  });

  it('publishes all or nothing, also when a later page of it fails; of a shared statement only the refused one fails', async () => {
    await refusing(async () => {
      const events = Array.from({ length: 6000 }, (_, i) => ({ type: i === 5999 ? 'refused' : 'fine', data: i }));
      await expect(streams.publishBulk(stream, events)).rejects.toThrow('refused');
      expect(await readAll()).toEqual([]);
      const settled = await Promise.allSettled(
        ['a', 'refused', 'b'].map(async (type) => streams.publish(stream, { type, data: null })),
      );
      expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
      expect((await readAll()).map(({ type }) => type)).toEqual(['a', 'b']);
    });
  });

  it('of nothing does nothing', async () => {
    expect(await streams.publishBulk(stream, [])).toEqual([]);
    expect(await readAll()).toEqual([]);
  });
});

describe('publish()es at the same time', () => {
  let pool: pg.Pool;
  let statements: string[];
  beforeAll(() => {
    ({ pool, statements } = countedPool(database.url, /publish_events(_and_wake)?\(/));
  });
  afterAll(() => pool.end());

  it('share statements, and each gets the id of its own event', async () => {
    streams = await application({ pool });
    statements.length = 0;
    const ids = await Promise.all(
      Array.from({ length: 2000 }, async (_, n) => streams.publish(stream, { type: `type ${n % 5}`, data: n })),
    );
    expect(statements.length).toBeGreaterThan(0);
    expect(statements.length).toBeLessThanOrEqual(5);
    const events = await readAll();
    expect(events.length).toBe(2000);
    for (const { id, data, type } of events) expect([id, type]).toEqual([ids[data], `type ${data % 5}`]);
  });
});

describe('read()', () => {
  it('goes on behind any event, page by page, whatever commits in between: each one once', async () => {
    const slow = await database.connect();
    await slow.query('begin');
    const ids = await streams.publishBulk(
      stream,
      Array.from({ length: 30 }, (_, i) => ({ data: i })),
    );
    ids.push(...(await streams.publishBulk(stream, [{ data: 'slow' }, { data: 'slow' }], { tx: slow })));
    let pages = 0;
    const read = await readAll(7, async () => {
      pages++;
      if (pages === 2) await slow.query('commit');
      if (pages === 3) ids.push(...(await streams.publishBulk(stream, [{ data: 'late' }, { data: 'late' }])));
    });
    expect(idsOf(read).toSorted()).toEqual(ids.toSorted());
    const from = read[20]!;
    expect(idsOf(await streams.read(stream, { after: from.cursor }))).toEqual(idsOf(read).slice(21));
  });

  it('gives a hundred unless it is told, and those of some types', async () => {
    await streams.publishBulk(
      stream,
      Array.from({ length: 120 }, (_, i) => ({ type: `type ${i % 3}`, data: i })),
    );
    expect(await streams.read(stream)).toHaveLength(100);
    const some = await streams.read(stream, { type: ['type 0', 'type 2'], limit: 5 });
    expect(some.map(({ data }) => data)).toEqual([0, 2, 3, 5, 6]);
    const last = some.at(-1)!;
    expect((await streams.read(stream, { type: 'type 1', after: last.cursor, limit: 1 }))[0]!.data).toBe(7);
  });

  it('of a stream that does not exist is empty, and makes none', async () => {
    expect(await streams.read(stream)).toEqual([]);
    expect(await streams.lag(stream)).toEqual({});
    const { rows } = await database.client.query(`select from ${database.schema}.queue where name like '%' || $1`, [
      stream,
    ]);
    expect(rows).toEqual([]);
  });

  it.each([
    'nonsense',
    '',
    '/1:1',
    '/5:3:/',
    '/0:1:/',
    '/1:5:3,2/',
    '/1:5:7/',
    '/1:1:/5',
    '5:1:/1:1:/',
    `/1:${2n ** 63n}:/`,
    `/1:1:/1/${2n ** 63n}`,
  ])('refuses what is no cursor: %j', async (after) => {
    await expect(streams.read(stream, { after })).rejects.toMatchObject({
      constructor: InvalidEventError,
      path: 'options.after',
    });
    await expect(streams.seek(stream, 'g', after)).rejects.toMatchObject({ path: 'to' });
  });
});

describe('SQL’s publish()', () => {
  it('and the service’s share a stream, whichever makes it', async () => {
    const { schema, client } = database;
    const sql = async (...values: unknown[]): Promise<string> =>
      (await client.query(`select ${schema}.publish($1, $2, $3, $4, $5) as id`, values)).rows[0].id;
    const ids = [await sql(stream, 'order.created', '{"id": 7}', 'k', '{"trace": "t"}')];
    ids.push(await streams.publish(stream, { type: 'order.paid', data: { id: 7 }, key: 'k', headers: { trace: 't' } }));
    ids.push((await client.query(`select ${schema}.publish($1) as id`, [stream])).rows[0].id);
    const events = await readAll();
    expect(idsOf(events)).toEqual(ids);
    expect(events).toMatchObject([
      { type: 'order.created', data: { id: 7 }, key: 'k', headers: { trace: 't' } },
      { type: 'order.paid', data: { id: 7 }, key: 'k', headers: { trace: 't' } },
      { type: 'default', data: null, key: null, headers: {} },
    ]);
  });
});

describe('ids', () => {
  it('are exact beyond 2^53, whatever an application has told pg to make of bigints', async () => {
    const { schema, client } = database;
    const big = 2n ** 53n + 1n;
    await client.query(`select setval('${schema}.job_id', $1)`, [String(big - 1n)]);
    const { types } = pg;
    const [int8, timestamptz] = [types.getTypeParser(20), types.getTypeParser(1184)];
    // as they come: this package has told it nothing
    expect(int8('9007199254740993')).toBe('9007199254740993');
    expect(timestamptz('2020-01-01 00:00:00+00')).toEqual(new Date('2020-01-01'));
    types.setTypeParser(20, Number);
    types.setTypeParser(1184, String);
    try {
      const ids = [await streams.publish(stream, { data: 1 })];
      ids.push(...(await streams.publishBulk(stream, [{ data: 2 }, { data: 3 }])));
      expect(ids).toEqual([0n, 1n, 2n].map((n) => String(big + n)));
      const events = await readAll(2);
      expect(idsOf(events)).toEqual(ids);
      expect(events[0]!.publishedAt.getTime()).toBeGreaterThan(Date.UTC(2020));
    } finally {
      types.setTypeParser(20, int8);
      types.setTypeParser(1184, timestamptz);
    }
  });
});

describe('a group', () => {
  it('lags by what it has to take, and is moved to an event, an end or a time', async () => {
    const { app } = await start();
    const engine = app.get(PostgresStreamEngine);
    const first = await streams.publishBulk(stream, [{ data: 1 }, { data: 2 }]);
    await engine.subscribe(stream, 'early', 'start');
    await engine.subscribe(stream, 'late', 'end');
    await streams.publish(stream, { data: 3 });
    expect(await streams.lag(stream)).toEqual({ early: 3, late: 1 });
    expect(await streams.lag(stream, 'late')).toEqual({ late: 1 });
    expect(await streams.lag(stream, 'nobody')).toEqual({});
    const events = await readAll();
    expect(idsOf(events).slice(0, 2)).toEqual(first);
    const lags: unknown[] = [];
    for (const to of ['end', 'start', events[1]!.cursor, new Date(0), new Date('9999-12-31')]) {
      await streams.seek(stream, 'early', to);
      lags.push((await streams.lag(stream, 'early'))['early']);
    }
    expect(lags).toEqual([0, 3, 1, 3, 0]);
  });

  it('that does not exist cannot be moved', async () => {
    await expect(streams.seek(stream, 'nobody', 'start')).rejects.toThrow(UnknownGroupError);
    await streams.publish(stream, { data: 1 });
    await expect(streams.seek(stream, 'nobody', 'start')).rejects.toMatchObject({
      code: 'PGQUEUE_UNKNOWN_GROUP',
      message: `Stream '${stream}' has no group 'nobody': subscribe it first`,
    });
  });
});
