import { afterEach, describe, expect, it, vi } from 'vitest';
import { take, toArray } from 'rxjs';
import { DatabaseUnavailableError, InvalidEventError, type ObserveOptions, type StreamEvent } from '../../lib/index.js';
import { StreamTails } from '../../lib/streams/stream-tails.js';
import { RecordingLogger } from '../support/application.js';
import { FakeStreamEngine } from '../support/fake-stream-engine.js';
import { deferred } from '../support/signals.js';

/** A second passes when the test says so. */
function setUp(events = 0) {
  vi.useFakeTimers();
  const engine = new FakeStreamEngine();
  const log = new RecordingLogger();
  const tails = new StreamTails({ engine, log });
  const publish = async (count: number, type = 'default'): Promise<void> => {
    await engine.publish(
      's',
      Array.from({ length: count }, () => ({ type, data: 'null', key: null, headers: null })),
    );
  };
  if (events > 0) void publish(events);
  return { engine, log, tails, publish, tail: (options?: ObserveOptions) => tails.tail<null>('s', options) };
}

/** Everything goes on that does not wait for a timer. */
async function turn(): Promise<void> {
  await vi.advanceTimersByTimeAsync(0);
}

afterEach(() => {
  // whatever a test began it has ended, and nothing of it is left
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

const idsOf = (events: readonly StreamEvent[]): string[] => events.map(({ id }) => id);
const numbers = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, i) => String(from + i));

describe('a tail that is subscribed', () => {
  it('reads nothing before', async () => {
    const { engine, tail } = setUp(3);
    tail();
    await turn();
    expect([engine.reads.length, engine.listeners.size]).toEqual([0, 0]);
  });

  it('begins at the end: shows what is published from then on, as soon as it hears of it', async () => {
    const { engine, publish, tail } = setUp(3);
    const seen: StreamEvent[] = [];
    const subscription = tail().subscribe((event) => seen.push(event));
    await turn();
    expect([seen, engine.reads[0]!.from]).toEqual([[], 'end']);
    await publish(2);
    await turn();
    expect(idsOf(seen)).toEqual(['4', '5']);
    expect(seen[0]).toMatchObject({
      stream: 's',
      type: 'default',
      data: null,
      headers: {},
      retryCount: 0,
      cursor: 'at:4',
    });
    subscription.unsubscribe();
  });

  it('looks once a second for what it did not hear of', async () => {
    const { engine, publish, tail } = setUp();
    const seen: StreamEvent[] = [];
    const subscription = tail().subscribe((event) => seen.push(event));
    await turn();
    engine.listeners.clear();
    await publish(1);
    await vi.advanceTimersByTimeAsync(999);
    expect([seen.length, engine.reads.length]).toEqual([0, 1]);
    await vi.advanceTimersByTimeAsync(1);
    expect([seen.length, engine.reads.length]).toEqual([1, 2]);
    subscription.unsubscribe();
  });

  it('misses nothing that is published while it reads', async () => {
    const { engine, publish, tail } = setUp(1);
    const read = vi.spyOn(engine, 'read');
    read.mockImplementationOnce(async (stream, request) => {
      const page = await FakeStreamEngine.prototype.read.call(engine, stream, request);
      await publish(1);
      return page;
    });
    const seen: StreamEvent[] = [];
    const subscription = tail().subscribe((event) => seen.push(event));
    await turn();
    expect(idsOf(seen)).toEqual(['2']);
    subscription.unsubscribe();
  });

  it('begins at the start or behind an event, and may be of some types only', async () => {
    const { publish, tail } = setUp(2);
    await publish(1, 'paid');
    await publish(1, 'sent');
    const first = async (options: ObserveOptions, count: number): Promise<string[]> => {
      const seen: StreamEvent[] = [];
      tail(options)
        .pipe(take(count))
        .subscribe((event) => seen.push(event));
      await turn();
      return idsOf(seen);
    };
    expect(await first({ after: 'start' }, 4)).toEqual(['1', '2', '3', '4']);
    expect(await first({ after: 'at:1' }, 3)).toEqual(['2', '3', '4']);
    expect(await first({ after: 'start', type: 'paid' }, 1)).toEqual(['3']);
    expect(await first({ after: 'start', type: ['sent', 'paid'] }, 2)).toEqual(['3', '4']);
  });

  it('asks for the next page only when all of the last one has been taken', async () => {
    const { engine, tail } = setUp(1_200);
    const seenAtReads: number[] = [];
    let seen = 0;
    vi.spyOn(engine, 'read').mockImplementation(async (stream, request) => {
      seenAtReads.push(seen);
      return FakeStreamEngine.prototype.read.call(engine, stream, request);
    });
    const subscription = tail({ after: 'start' }).subscribe(() => seen++);
    await turn();
    expect(seenAtReads).toEqual([0, 500, 1000]);
    expect(seen).toBe(1_200);
    subscription.unsubscribe();
  });

  it('is stopped in the middle of a page, at once', async () => {
    const { engine, tail } = setUp(1_200);
    const result = tail({ after: 'start' }).pipe(take(7), toArray());
    const seen: StreamEvent[][] = [];
    result.subscribe((events) => seen.push(events));
    await turn();
    expect(seen.map(idsOf)).toEqual([numbers(1, 7)]);
    expect([engine.reads.length, engine.listeners.size]).toEqual([1, 0]);
  });

  it('shows nothing of what was being read when it was stopped', async () => {
    const { engine, tail } = setUp(5);
    const answer = deferred();
    vi.spyOn(engine, 'read').mockImplementationOnce(async (stream, request) => {
      await answer.promise;
      return FakeStreamEngine.prototype.read.call(engine, stream, request);
    });
    const seen: StreamEvent[] = [];
    const subscription = tail({ after: 'start' }).subscribe((event) => seen.push(event));
    await turn();
    subscription.unsubscribe();
    answer.resolve();
    await turn();
    expect([seen, engine.listeners.size]).toEqual([[], 0]);
  });

  it('goes its own way for each who subscribes', async () => {
    const { publish, tail } = setUp(1);
    const shared = tail();
    const [early, late]: StreamEvent[][] = [[], []];
    const one = shared.subscribe((event) => early!.push(event));
    await turn();
    await publish(1);
    const other = shared.subscribe((event) => late!.push(event));
    await turn();
    await publish(1);
    await turn();
    expect([idsOf(early!), idsOf(late!)]).toEqual([['2', '3'], ['3']]);
    one.unsubscribe();
    await publish(1);
    await turn();
    expect([idsOf(early!), idsOf(late!)]).toEqual([
      ['2', '3'],
      ['3', '4'],
    ]);
    other.unsubscribe();
  });
});

describe('a tail whose database fails', () => {
  it('goes on where it was, with pauses between its tries, and says what is no outage once', async () => {
    const { engine, log, publish, tail } = setUp();
    const seen: StreamEvent[] = [];
    const subscription = tail().subscribe({
      next: (event) => seen.push(event),
      error: (error) => expect.fail(String(error)),
    });
    await turn();
    engine.faults.push(new DatabaseUnavailableError('away', true), new Error('no such function'), new Error('again'));
    await publish(2);
    await turn();
    expect([seen.length, engine.reads.length]).toEqual([0, 2]);
    // longer than three pauses
    await vi.advanceTimersByTimeAsync(1_000);
    expect(idsOf(seen)).toEqual(['1', '2']);
    engine.faults.push(new Error('no such table'));
    await publish(1);
    await vi.advanceTimersByTimeAsync(200);
    expect(idsOf(seen)).toEqual(['1', '2', '3']);
    expect(log.texts('warn')).toEqual([
      `Stream 's' cannot be read, trying on: Error: no such function`,
      `Stream 's' cannot be read, trying on: Error: no such table`,
    ]);
    subscription.unsubscribe();
  });

  it('leaves no timer when it is stopped between two tries', async () => {
    const { engine, tail } = setUp();
    engine.faults.push(new DatabaseUnavailableError('away', true));
    const subscription = tail().subscribe();
    await turn();
    expect(vi.getTimerCount()).toBe(1);
    subscription.unsubscribe();
    await turn();
    expect([vi.getTimerCount(), engine.reads.length, engine.listeners.size]).toEqual([0, 1, 0]);
  });
});

describe('a tail that cannot begin', () => {
  it.each<[string, string, unknown]>([
    ['options.after', 's', { after: 'nonsense' }],
    ['options.type', 's', { type: [] }],
    ['options.limit', 's', { limit: 5 }],
    ['stream', '', undefined],
  ])('is an error for the subscriber and the loop: %s', async (path, stream, options) => {
    const { engine, tails } = setUp();
    const tail = tails.tail(stream, options as ObserveOptions);
    const errors: unknown[] = [];
    tail.subscribe({ error: (error) => errors.push(error) });
    await turn();
    errors.push(
      await tail[Symbol.asyncIterator]()
        .next()
        .then(undefined, (error: unknown) => error),
    );
    expect(errors).toEqual([expect.any(InvalidEventError), expect.any(InvalidEventError)]);
    expect(errors).toMatchObject([{ path }, { path }]);
    expect(engine.reads).toEqual([]);
  });
});

describe('a tail that is iterated', () => {
  it('is held back: nothing is read while the loop works', async () => {
    const { engine, tail } = setUp(1_200);
    const seen: string[] = [];
    for await (const { id } of tail({ after: 'start' })) {
      seen.push(id);
      // whatever it would read ahead it could read here
      if (seen.length % 300 === 0) await vi.advanceTimersByTimeAsync(5_000);
      expect(engine.reads.length).toBe(Math.ceil(seen.length / 500));
      if (seen.length === 1_200) break;
    }
    expect(seen).toEqual(numbers(1, 1_200));
    expect(engine.listeners.size).toBe(0);
  });

  it('is left at once, also from outside while it waits', async () => {
    const { engine, tail } = setUp();
    const iterator = tail()[Symbol.asyncIterator]();
    const next = iterator.next();
    await turn();
    expect(engine.listeners.size).toBe(1);
    const end = { done: true, value: undefined };
    expect(await iterator.return!()).toEqual(end);
    expect(await next).toEqual(end);
    expect(engine.listeners.size).toBe(0);
  });
});

describe('closing', () => {
  it('ends a loop in the middle of a page', async () => {
    const { tails, tail } = setUp(10);
    const seen: string[] = [];
    for await (const { id } of tail({ after: 'start' })) {
      seen.push(id);
      tails.close();
    }
    expect(seen).toEqual(['1']);
  });

  it('completes the tails that are read, and those that are begun later', async () => {
    const { engine, tails, tail } = setUp(700);
    const ends: string[] = [];
    tail().subscribe({ complete: () => ends.push('waiting') });
    tail({ after: 'start' }).subscribe({
      next: ({ id }) => {
        ends.push(`event ${id}`);
        tails.close();
      },
      complete: () => ends.push('in a page'),
    });
    const iterator = tail()[Symbol.asyncIterator]();
    void iterator.next().then(({ done }) => ends.push(`iterated ${done}`));
    await turn();
    tail().subscribe({ complete: () => ends.push('later') });
    await turn();
    expect(ends.toSorted()).toEqual(['event 1', 'in a page', 'iterated true', 'later', 'waiting']);
    expect([engine.reads.length, engine.listeners.size]).toEqual([3, 0]);
  });
});
