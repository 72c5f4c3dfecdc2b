import { describe, expect, it, vi } from 'vitest';
import type { BatchEngine, DeadEvent, ReceivedBatch } from '../../lib/engine/batch-engine.interface.js';
import { InvalidOptionsError, StreamClient, UnknownBatchError } from '../../lib/index.js';

const RECORD = {
  id: '7',
  type: 'paid',
  data: '{"n":1}',
  key: 'k',
  headers: '{"h":"1"}',
  publishedAt: 1_000,
  txid: '5',
  cursor: 'somewhere',
};

function setUp() {
  const batch: ReceivedBatch = { id: 'b', events: [{ record: RECORD, retryCount: 2 }] };
  const letter: DeadEvent = { id: 'd', group: 'g', event: { record: RECORD, retryCount: 5 }, reason: 'no', at: 2_000 };
  const engine = {
    subscribe: vi.fn<BatchEngine['subscribe']>(async () => true),
    unsubscribe: vi.fn<BatchEngine['unsubscribe']>(async () => true),
    receive: vi.fn<BatchEngine['receive']>(async () => batch),
    ack: vi.fn<BatchEngine['ack']>(async () => true),
    nack: vi.fn<BatchEngine['nack']>(async () => undefined),
    deadLetters: vi.fn<BatchEngine['deadLetters']>(async () => [letter]),
    replay: vi.fn<BatchEngine['replay']>(async () => 3),
    purge: vi.fn<BatchEngine['purge']>(async () => 4),
  };
  const publish = vi.fn<(stream: string, event: unknown, options?: unknown) => Promise<string>>(async () => '9');
  return { engine, publish, client: new StreamClient({ engine, publish }) };
}

describe('a stream client', () => {
  it('R36: has pgque’s defaults: a hundred events, a minute until an event comes again', async () => {
    const { client, engine } = setUp();
    const event = { id: '7', cursor: 'somewhere' };
    await client.receive('s', 'g');
    await client.nack('b', event);
    await client.subscribe('s', 'g');
    await client.deadLetters('s');
    expect(engine.receive.mock.calls).toEqual([['s', 'g', 100]]);
    expect(engine.nack.mock.calls).toEqual([['b', event, 60_000, undefined]]);
    expect(engine.subscribe.mock.calls).toEqual([['s', 'g', 'end']]);
    expect(engine.deadLetters.mock.calls).toEqual([[{ stream: 's', group: undefined }, 100]]);
  });

  it('passes on what it is given, in milliseconds', async () => {
    const { client, engine, publish } = setUp();
    const [batch] = [await client.receive('s', 'g', 7)];
    await client.nack('b', batch!.events[0]!, '1.5s', 'no');
    await client.subscribe('s', 'g', { from: 'start' });
    await client.deadLetters('s', { group: 'g', limit: 3 });
    const tx = {} as never;
    expect(await client.send('s', { data: 1 }, { tx })).toBe('9');
    expect(await client.unsubscribe('s', 'g')).toBe(true);
    expect(await client.ack('b')).toBe(true);
    expect(await client.replay('d')).toBe(3);
    expect(await client.replay({ stream: 's', group: 'g' })).toBe(3);
    expect(await client.purge('s', '2m')).toBe(4);
    expect(engine.receive.mock.calls).toEqual([['s', 'g', 7]]);
    expect(engine.nack.mock.calls).toEqual([['b', { id: '7', cursor: 'somewhere' }, 1_500, 'no']]);
    expect(engine.subscribe.mock.calls).toEqual([['s', 'g', 'start']]);
    expect(engine.deadLetters.mock.calls).toEqual([[{ stream: 's', group: 'g' }, 3]]);
    expect(publish.mock.calls).toEqual([['s', { data: 1 }, { tx }]]);
    expect(engine.replay.mock.calls).toEqual([['d'], [{ stream: 's', group: 'g' }]]);
    expect(engine.purge.mock.calls).toEqual([['s', 120_000]]);
  });

  it('gives events and dead letters as users know them', async () => {
    const { client } = setUp();
    const event = {
      id: '7',
      stream: 's',
      type: 'paid',
      key: 'k',
      data: { n: 1 },
      headers: { h: '1' },
      publishedAt: '1970-01-01T00:00:01.000Z',
      cursor: 'somewhere',
    };
    expect(JSON.parse(JSON.stringify(await client.receive('s', 'g')))).toEqual({
      id: 'b',
      events: [{ ...event, retryCount: 2 }],
    });
    expect(JSON.parse(JSON.stringify(await client.deadLetters('s')))).toEqual([
      { id: 'd', group: 'g', event: { ...event, retryCount: 5 }, reason: 'no', at: '1970-01-01T00:00:02.000Z' },
    ]);
  });

  it('keeps of a reason what can be stored', async () => {
    const { client, engine } = setUp();
    await client.nack('b', { id: '7', cursor: 'c' }, 0, `a\0b\ud800${'x'.repeat(3_000)}`);
    const reason = engine.nack.mock.calls[0]![3]!;
    expect(reason.startsWith('a\uFFFDb\uFFFDxxx')).toBe(true);
    expect(reason).toHaveLength(2_000);
  });

  const EVENT = { id: '7', cursor: 'c' };
  type Call = (client: StreamClient) => Promise<unknown>;
  it.each<[string, Call]>([
    ['stream', (client) => client.subscribe('', 'g')],
    ['stream', (client) => client.receive('a\u001fb', 'g')],
    ['stream', (client) => client.unsubscribe(7 as never, 'g')],
    ['stream', (client) => client.deadLetters('x'.repeat(201))],
    ['stream', (client) => client.purge(null as never, 0)],
    ['group', (client) => client.subscribe('s', '')],
    ['group', (client) => client.receive('s', undefined as never)],
    ['group', (client) => client.unsubscribe('s', 'a\n')],
    ['options.from', (client) => client.subscribe('s', 'g', { from: 'middle' as never })],
    ['options.form', (client) => client.subscribe('s', 'g', { form: 'start' } as never)],
    ['max', (client) => client.receive('s', 'g', 0)],
    ['max', (client) => client.receive('s', 'g', 1.5)],
    ['max', (client) => client.receive('s', 'g', Number.NaN)],
    ['max', (client) => client.receive('s', 'g', 2 ** 31)],
    ['max', (client) => client.receive('s', 'g', '7' as never)],
    ['batchId', (client) => client.ack('')],
    ['batchId', (client) => client.ack(7 as never)],
    ['batchId', (client) => client.nack(undefined as never, EVENT)],
    ['event', (client) => client.nack('b', null as never)],
    ['event', (client) => client.nack('b', '7' as never)],
    ['event', (client) => client.nack('b', { id: '7' } as never)],
    ['event', (client) => client.nack('b', { id: 7, cursor: 'c' } as never)],
    ['retryAfter', (client) => client.nack('b', EVENT, -1)],
    ['retryAfter', (client) => client.nack('b', EVENT, 'soon' as never)],
    ['retryAfter', (client) => client.nack('b', EVENT, Number.POSITIVE_INFINITY)],
    ['reason', (client) => client.nack('b', EVENT, 0, new Error('no') as never)],
    ['options.limit', (client) => client.deadLetters('s', { limit: 0 })],
    ['options.group', (client) => client.deadLetters('s', { group: '' })],
    ['id', (client) => client.replay('')],
    ['which', (client) => client.replay(undefined as never)],
    ['which.stream', (client) => client.replay({} as never)],
    ['which.group', (client) => client.replay({ stream: 's', group: '' })],
    ['olderThan', (client) => client.purge('s', '30 days' as never)],
    ['olderThan', (client) => client.purge('s', undefined as never)],
  ])('refuses a wrong argument before anything is asked of the log: %s (%#)', async (path, call) => {
    const { client, engine } = setUp();
    const error = await call(client).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(InvalidOptionsError);
    expect((error as InvalidOptionsError).path).toBe(path);
    expect((error as InvalidOptionsError).message).toMatch(/^StreamClient\.\w+\(\): /);
    for (const method of Object.values(engine)) expect(method).not.toHaveBeenCalled();
  });

  it('passes on that a batch is not open', async () => {
    const { client, engine } = setUp();
    engine.nack.mockRejectedValue(new UnknownBatchError('no such batch'));
    await expect(client.nack('b', EVENT)).rejects.toMatchObject({ code: 'PGQUEUE_UNKNOWN_BATCH' });
  });
});
