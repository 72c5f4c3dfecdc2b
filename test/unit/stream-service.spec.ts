import { inspect } from 'node:util';
import pg from 'pg';
import { describe, expect, it, vi } from 'vitest';
import { InvalidEventError, InvalidTransactionError, type NewStreamEvent, StreamService } from '../../lib/index.js';
import { AmbientTransaction } from '../../lib/transactions/ambient-transaction.js';
import { EventAppender } from '../../lib/streams/event-appender.js';
import { toStreamEvent } from '../../lib/streams/stored-event.js';
import { StreamTails } from '../../lib/streams/stream-tails.js';
import { SILENT } from '../../lib/utils/log.js';
import { FakeStreamEngine } from '../support/fake-stream-engine.js';
import { deferred } from '../support/signals.js';

function setUp() {
  const engine = new FakeStreamEngine();
  const publish = vi.spyOn(engine, 'publish');
  const appender = new EventAppender(engine);
  const tails = new StreamTails({ engine, log: SILENT });
  const limits = { maxDataBytes: 1000, maxDataDepth: 10 };
  return {
    engine,
    publish,
    service: new StreamService({
      engine,
      appender,
      tails,
      limits,
      ambient: new AmbientTransaction(),
      transactionFor: () => 'auto',
    }),
  };
}

/** The error that a refusal came as; fails when there was none. */
async function refusal(work: Promise<unknown>): Promise<InvalidEventError> {
  const error: unknown = await work.then(
    () => expect.fail('it was not refused'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(InvalidEventError);
  return error as InvalidEventError;
}

describe('publish()', () => {
  it('writes what it was given, and what was left out by default; resolves to the id', async () => {
    const { service, publish } = setUp();
    expect(await service.publish('orders', { data: { id: 7 } })).toBe('1');
    expect(publish).toHaveBeenLastCalledWith('orders', [
      { type: 'default', data: '{"id":7}', key: null, headers: null },
    ]);
    await service.publish('orders', { type: 'order.paid', data: undefined, key: 'k 1', headers: { 'a b': 'ü' } });
    expect(publish).toHaveBeenLastCalledWith('orders', [
      { type: 'order.paid', data: 'null', key: 'k 1', headers: '{"a b":"ü"}' },
    ]);
  });

  it('takes headers without any as none, and those of an object without a prototype', async () => {
    const { service, engine } = setUp();
    await service.publish('s', { data: 1, headers: {} });
    await service.publish('s', { data: 1, headers: Object.assign(Object.create(null), { a: '1' }) });
    expect(engine.events.map(({ headers }) => headers)).toEqual([null, '{"a":"1"}']);
  });

  it('with a transaction writes on it, alone', async () => {
    const { service, publish } = setUp();
    const tx = new pg.Client();
    const ids = await Promise.all([1, 2].map(async (data) => service.publish('orders', { data }, { tx })));
    expect(ids).toEqual(['1', '2']);
    expect(publish.mock.calls.map((call: unknown[]) => call[2])).toEqual([tx, tx]);
  });

  it('with something that is no transaction writes nothing', async () => {
    const { service, publish } = setUp();
    for (const tx of [null, new pg.Pool(), {}]) {
      const options = { tx: tx as never };
      await expect(service.publish('orders', { data: 1 }, options)).rejects.toThrow(InvalidTransactionError);
      await expect(service.publishBulk('orders', [], options)).rejects.toThrow(InvalidTransactionError);
    }
    expect(publish).not.toHaveBeenCalled();
  });

  it.each<[string, unknown]>([
    ['event', null],
    ['event', 'text'],
    ['event.type', { type: '', data: 1 }],
    ['event.type', { type: null, data: 1 }],
    ['event.type', { type: 'a\u001eb', data: 1 }],
    ['event.type', { type: 'x'.repeat(201), data: 1 }],
    ['event.key', { key: '', data: 1 }],
    ['event.key', { key: 5, data: 1 }],
    ['event.key', { key: 'a\u001f', data: 1 }],
    ['event.data.user.tags[1]', { data: { user: { tags: ['a', 1n] } } }],
    ['event.data["first name"]', { data: { 'first name': 'a\0' } }],
    ['event.data', { data: 'x'.repeat(1000) }],
    ['event.headers', { data: 1, headers: null }],
    ['event.headers', { data: 1, headers: ['a'] }],
    ['event.headers', { data: 1, headers: new Map([['a', '1']]) }],
    ['event.headers', { data: 1, headers: new Headers({ a: '1' }) }],
    ['event.headers.a', { data: 1, headers: { a: 'x'.repeat(1000) } }],
    ['event.headers.trace', { data: 1, headers: { ok: '1', trace: 5 } }],
    ['event.headers.trace', { data: 1, headers: { trace: undefined } }],
    ['event.headers.trace', { data: 1, headers: { trace: '\ud83d' } }],
    ['event.headers["a\\u0000"]', { data: 1, headers: { 'a\0': '1' } }],
    ['event.payload', { data: 1, payload: 2 }],
  ])('refuses a wrong %s before any SQL, alone and in bulk', async (path, event) => {
    const { service, publish } = setUp();
    const error = await refusal(service.publish('orders', event as NewStreamEvent));
    expect([error.path, error.code]).toEqual([path, 'PGQUEUE_INVALID_EVENT']);
    expect(error.message.startsWith(`${path} `)).toBe(true);
    const bulk = await refusal(service.publishBulk('orders', [{ data: 1 }, event as NewStreamEvent]));
    expect(bulk.path).toBe(path.replace('event', 'events[1]'));
    expect(publish).not.toHaveBeenCalled();
  });

  it('says why data could not be read, with the cause', async () => {
    const { service } = setUp();
    const cause = new Error('no');
    const event = {
      data: {
        toJSON: (): never => {
          throw cause;
        },
      },
    };
    expect(await refusal(service.publish('s', event))).toMatchObject({ path: 'event.data', cause });
  });

  it('refuses a wrong name or option', async () => {
    const { service, publish } = setUp();
    for (const name of ['', 5, 'a\u001f', undefined]) {
      expect((await refusal(service.publish(name as string, { data: 1 }))).path).toBe('stream');
    }
    expect((await refusal(service.publish('s', { data: 1 }, { ttx: 1 } as object))).path).toBe('options.ttx');
    expect((await refusal(service.publishBulk('s', {} as []))).path).toBe('events');
    expect(publish).not.toHaveBeenCalled();
  });
});

describe('publish()es at the same time', () => {
  it('share statements, of which two are under way; each gets its own id', async () => {
    const { service, engine, publish } = setUp();
    const answer = deferred();
    let [underWay, most] = [0, 0];
    publish.mockImplementation(async (stream, drafts) => {
      most = Math.max(most, ++underWay);
      await answer.promise;
      underWay--;
      return FakeStreamEngine.prototype.publish.call(engine, stream, drafts);
    });
    const ids = [];
    for (const count of [1, 1, 3_500]) {
      for (let i = 0; i < count; i++) ids.push(service.publish('orders', { data: ids.length }));
      await new Promise(setImmediate);
    }
    expect(publish).toHaveBeenCalledTimes(2);
    answer.resolve();
    expect(await Promise.all(ids)).toEqual(Array.from({ length: 3_502 }, (_, i) => String(i + 1)));
    expect(publish.mock.calls.map(([, drafts]) => drafts.length)).toEqual([1, 1, 1000, 1000, 1000, 500]);
    expect(most).toBe(2);
  });

  it('do not share with another stream’s', async () => {
    const { service, publish } = setUp();
    await Promise.all(['a', 'b', 'a'].map(async (stream) => service.publish(stream, { data: 1 })));
    expect(publish.mock.calls.map(([stream, drafts]) => [stream, drafts.length])).toEqual([
      ['a', 2],
      ['b', 1],
    ]);
  });

  it('that the server refuses together are sent one by one: a bad one fails alone', async () => {
    const { service, engine, publish } = setUp();
    publish.mockImplementation(async (stream, drafts) => {
      if (drafts.some(({ type }) => type === 'bad')) throw new RangeError('refused');
      return FakeStreamEngine.prototype.publish.call(engine, stream, drafts);
    });
    const settled = await Promise.allSettled(
      ['a', 'bad', 'b'].map(async (type) => service.publish('s', { type, data: 1 })),
    );
    expect(settled).toMatchObject([{ value: '1' }, { reason: { message: 'refused' } }, { value: '2' }]);
  });

  it('that were lost on the way are not sent again', async () => {
    const { service, publish } = setUp();
    publish.mockRejectedValueOnce(new Error('lost'));
    const settled = await Promise.allSettled([1, 2].map(async (data) => service.publish('s', { data })));
    expect(settled.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(publish).toHaveBeenCalledTimes(1);
  });
});

describe('publishBulk()', () => {
  it('writes all of its events at once, in order', async () => {
    const { service, engine, publish } = setUp();
    expect(await service.publishBulk('s', [{ data: 1 }, { type: 'b', data: 2 }])).toEqual(['1', '2']);
    expect(publish).toHaveBeenCalledOnce();
    expect(engine.events.map(({ type, data }) => [type, data])).toEqual([
      ['default', '1'],
      ['b', '2'],
    ]);
  });

  it('of nothing is nothing', async () => {
    const { service, publish } = setUp();
    expect(await service.publishBulk('s', [])).toEqual([]);
    expect(publish).not.toHaveBeenCalled();
  });
});

describe('read()', () => {
  it('asks for a hundred from the start, of every type, unless it is told', async () => {
    const { service, engine } = setUp();
    await service.read('s');
    await service.read('s', { after: 'start', limit: undefined, type: undefined });
    await service.read('s', { after: 'at:1', limit: 10_000, type: ['a', 'b'] });
    await service.read('s', { type: 'a' });
    expect(engine.reads.map(({ from, limit, types }) => [from, limit, types])).toEqual([
      ['start', 100, null],
      ['start', 100, null],
      [{ cursor: 'at:1' }, 10_000, ['a', 'b']],
      ['start', 100, ['a']],
    ]);
    // what is larger could not be packed into one text, nor held by many who read at once
    for (const { maxBytes } of engine.reads) expect(maxBytes).toBe(16 * 1024 * 1024);
  });

  it.each<[string, unknown]>([
    ['options', null],
    ['options.after', { after: 'nonsense' }],
    ['options.after', { after: 'end' }],
    ['options.after', { after: null }],
    ['options.limit', { limit: 0 }],
    ['options.limit', { limit: 10_001 }],
    ['options.limit', { limit: '5' }],
    ['options.type', { type: '' }],
    ['options.type', { type: [] }],
    ['options.type[1]', { type: ['a', 5] }],
    ['options.afer', { afer: 'start' }],
  ])('refuses a wrong %s: %j', async (path, options) => {
    const { service, engine } = setUp();
    expect((await refusal(service.read('s', options as object))).path).toBe(path);
    expect(engine.reads).toEqual([]);
  });

  it('says what a cursor would be', async () => {
    const { service } = setUp();
    expect((await refusal(service.read('s', { after: 'x' }))).message).toBe(
      `options.after must be 'start' or an event's cursor, as it was read, not 'x' (string)`,
    );
  });
});

describe('an event', () => {
  it('shows what was published, to JSON and the console, too', async () => {
    const { service } = setUp();
    await service.publish('orders', { type: 'paid', data: { id: 7 }, key: 'k', headers: { trace: 't' } });
    const [event] = await service.read<{ id: number }>('orders');
    const fields = {
      id: '1',
      stream: 'orders',
      type: 'paid',
      key: 'k',
      data: { id: 7 },
      headers: { trace: 't' },
      publishedAt: new Date(1001),
      retryCount: 0,
      cursor: 'at:1',
    };
    expect(event).toMatchObject(fields);
    expect(JSON.parse(JSON.stringify(event))).toEqual({ ...fields, publishedAt: fields.publishedAt.toJSON() });
    expect(inspect(event)).toMatch(/^StreamEvent \{\s+id: '1',\s+stream: 'orders'/);
  });

  it('parses its data once, and when it is asked for', () => {
    const source = { id: '1', type: 't', data: '{"a":', key: null, headers: null, publishedAt: 0, cursor: 'c' };
    const broken = toStreamEvent('s', source);
    expect([broken.id, broken.key, broken.headers]).toEqual(['1', null, {}]);
    expect(() => broken.data).toThrow(SyntaxError);
    const event = toStreamEvent('s', { ...source, data: '{"a":1}' });
    expect(event.data).toBe(event.data);
    expect(event.publishedAt).toBe(event.publishedAt);
  });

  it('says how often it was delivered before, and takes headers that were read already', () => {
    const headers = { a: '1' };
    const source = { id: '1', type: 't', data: 'null', key: null, headers, publishedAt: 0, cursor: 'c' };
    const event = toStreamEvent('s', source, 3);
    expect([event.retryCount, event.headers, event.data]).toEqual([3, headers, null]);
  });
});

describe('a group', () => {
  it('is asked for its lag, alone or with all of its stream', async () => {
    const { service, engine } = setUp();
    const lag = vi.spyOn(engine, 'lag').mockResolvedValue({ billing: 3 });
    expect(await service.lag('s')).toEqual({ billing: 3 });
    await service.lag('s', 'billing');
    expect(lag.mock.calls).toEqual([
      ['s', undefined],
      ['s', 'billing'],
    ]);
    expect((await refusal(service.lag('s', ''))).path).toBe('group');
    expect((await refusal(service.lag('', 'g'))).path).toBe('stream');
    expect(lag).toHaveBeenCalledTimes(2);
  });

  it('is moved to an end, a cursor or a time', async () => {
    const { service, engine } = setUp();
    const seek = vi.spyOn(engine, 'seek');
    const time = new Date(5);
    for (const to of ['start', 'end', 'at:3', time]) await service.seek('s', 'g', to);
    expect(seek.mock.calls.map((call) => (call as unknown[])[2])).toEqual([
      'start',
      'end',
      { cursor: 'at:3' },
      { time },
    ]);
    for (const to of ['', 'now', 5, undefined, null, new Date(Number.NaN), new Date(8.64e15)]) {
      expect((await refusal(service.seek('s', 'g', to as string))).path).toBe('to');
    }
    expect((await refusal(service.seek('s', 'g\n', 'end'))).path).toBe('group');
    expect(seek).toHaveBeenCalledTimes(4);
  });
});
