import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { Controller, Module, Sse } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { lastValueFrom, map, take, tap } from 'rxjs';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PgConnection } from '../../lib/engine/postgres/connection.js';
import { PostgresStreamEngine } from '../../lib/engine/postgres/streams/postgres-stream.engine.js';
import { PgQueueModule, type StreamEvent, StreamService, type StreamTail } from '../../lib/index.js';
import { RecordingLogger, startApplication } from '../support/application.js';
import { testDatabase } from '../support/database.js';
import { heapInUse } from '../support/heap.js';
import { newQueue, type RunningApplication, testApplications } from '../support/running.js';
import { until } from '../support/signals.js';

const database = testDatabase();
const start = testApplications(database);

let stream: string;
let here: RunningApplication;
let streams: StreamService;
/** Another application, whose notifier tells this one nothing. */
let there: StreamService;
let stop: (() => void)[];

beforeEach(async () => {
  stream = newQueue('stream');
  stop = [];
  here = await start({ options: { processing: false } });
  streams = here.app.get(StreamService);
  there = (await start()).app.get(StreamService);
});
afterEach(() => {
  for (const one of stop) one();
});

interface Watched {
  /** Data, in the order seen. */
  readonly seen: unknown[];
  readonly ends: unknown[];
  unsubscribe(): void;
}

function watch(tail: StreamTail): Watched {
  const watched = { seen: [] as unknown[], ends: [] as unknown[] };
  const subscription = tail.subscribe({
    next: (event: StreamEvent) => watched.seen.push(event.data),
    error: (error) => watched.ends.push(error),
    complete: () => watched.ends.push('complete'),
  });
  stop.push(() => subscription.unsubscribe());
  return { ...watched, unsubscribe: () => subscription.unsubscribe() };
}

/** A tail from the end that has begun: it has seen something, which is left out of `seen`. */
async function watchFromNow(service: StreamService): Promise<Watched> {
  const watched = watch(service.observe(stream));
  // what its own process publishes wakes it
  await until('the tail to begin', async () => {
    await service.publish(stream, { data: 'begun?' });
    return watched.seen.length > 0;
  });
  const last = await service.publish(stream, { data: 'begun' });
  await until(`event ${last} to be seen`, () => watched.seen.at(-1) === 'begun');
  watched.seen.length = 0;
  return watched;
}

const numbers = (count: number, from = 0): number[] => Array.from({ length: count }, (_, i) => from + i);
const eventsOf = (data: readonly unknown[]): { data: unknown }[] => data.map((one) => ({ data: one }));

describe('a tail', () => {
  it('shows what another application publishes from then on, once and in order, from SQL, too', async () => {
    await there.publish(stream, { data: 'before' });
    const { seen } = await watchFromNow(streams);
    for (const n of numbers(5)) await there.publish(stream, { data: n });
    await there.publishBulk(stream, eventsOf(numbers(1_500, 5)));
    await database.client.query(`select ${database.schema}.publish($1, 'sql', '1505')`, [stream]);
    await until('all to be seen', () => seen.length >= 1_506);
    expect(seen).toEqual(numbers(1_506));
  });

  it('shows what is published in a transaction when that has committed, and nothing twice', async () => {
    const tx = await database.connect();
    await tx.query('begin');
    const { seen } = await watchFromNow(streams);
    await there.publish(stream, { data: 'open' }, { tx });
    await streams.publish(stream, { data: 1 });
    await until('the other to be seen', () => seen.length > 0);
    expect(seen).toEqual([1]);
    await tx.query('commit');
    await streams.publish(stream, { data: 2 });
    await until('all to be seen', () => seen.length >= 3);
    expect(seen).toEqual([1, 'open', 2]);
  });

  it('begins at the start, or behind any event that was read, and may be of some types only', async () => {
    await streams.publishBulk(stream, eventsOf(numbers(3)));
    await streams.publishBulk(stream, [
      { type: 'paid', data: 'p' },
      { type: 'sent', data: 's' },
    ]);
    const [first] = await streams.read(stream, { limit: 1 });
    const all = watch(streams.observe(stream, { after: 'start' }));
    const rest = watch(streams.observe(stream, { after: first!.cursor }));
    const paid = watch(streams.observe(stream, { after: 'start', type: ['paid', 'gone'] }));
    await streams.publish(stream, { type: 'gone', data: 'g' });
    await until('all to be seen', () => all.seen.length === 6 && rest.seen.length === 5 && paid.seen.length === 2);
    expect([all.seen, rest.seen, paid.seen]).toEqual([
      [0, 1, 2, 'p', 's', 'g'],
      [1, 2, 'p', 's', 'g'],
      ['p', 'g'],
    ]);
  });

  it('waits for a stream that does not exist yet', async () => {
    const { seen } = watch(streams.observe(stream));
    await until('the first to be seen', async () => {
      await there.publish(stream, { data: 1 });
      return seen.length > 0;
    });
    expect(new Set(seen)).toEqual(new Set([1]));
  });

  it('shows nothing any more when it is unsubscribed, and asks for nothing', async () => {
    const left = await watchFromNow(streams);
    const kept = await watchFromNow(streams);
    left.unsubscribe();
    left.seen.length = 0;
    await streams.publish(stream, { data: 1 });
    await until('the other to see it', () => kept.seen.length > 0);
    expect([left.seen, left.ends]).toEqual([[], []]);
  });

  it('goes on where it was when its connections are cut again and again', async () => {
    const application_name = `tail-${database.schema}`;
    const logger = new RecordingLogger();
    const options = { connection: { connectionString: database.url, application_name }, processing: false, logger };
    const cut = (await start({ options })).app.get(StreamService);
    const { seen, ends } = await watchFromNow(cut);
    let cuts = 0;
    for (const n of numbers(60)) {
      await there.publish(stream, { data: n });
      if (n % 10 > 0) continue;
      await until('a connection to be cut', async () => {
        const { rowCount } = await database.client.query(
          `select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1`,
          [application_name],
        );
        cuts += rowCount!;
        return rowCount! > 0;
      });
    }
    await until('all to be seen', () => seen.length >= 60, 20_000);
    expect(seen).toEqual(numbers(60));
    expect(ends).toEqual([]);
    expect(cuts).toBeGreaterThanOrEqual(6);
  });

  it('says when it cannot read for another reason, and goes on when it can', async () => {
    const logger = new RecordingLogger();
    const service = (await start({ options: { processing: false, logger } })).app.get(StreamService);
    const { seen, ends } = await watchFromNow(service);
    const { schema, client } = database;
    await client.query(`alter function ${schema}.read_stream rename to read_stream_gone`);
    try {
      await there.publish(stream, { data: 1 });
      await until('it to be said', () => logger.texts('warn').length > 0);
    } finally {
      await client.query(`alter function ${schema}.read_stream_gone rename to read_stream`);
    }
    await until('it to be seen', () => seen.length > 0, 20_000);
    expect([seen, ends]).toEqual([[1], []]);
    expect(logger.texts('warn')).toEqual([
      expect.stringMatching(`^Stream '${stream}' cannot be read, trying on: error: `),
    ]);
  });
});

describe('of 100,000 events, 30 MB, no more than some pages are in memory', () => {
  const EVENTS = 100_000;
  const BYTES = 300;
  const large = newQueue('stream');
  beforeAll(async () => {
    const app = await startApplication(database, { options: { processing: false } });
    const service = app.get(StreamService);
    const data = 'x'.repeat(BYTES);
    const some = Array.from({ length: EVENTS / 10 }, () => ({ data }));
    for (let i = 0; i < 10; i++) await service.publishBulk(large, some);
    await app.close();
  });

  /** Takes events, and looks now and then what is in memory. */
  class Taker {
    readonly #samples: number[] = [];
    taken = 0;
    bytes = 0;

    take({ data }: StreamEvent<string>): void {
      this.bytes += data.length;
      if (this.taken++ % 20_000 === 0) this.#samples.push(heapInUse());
    }

    /** By how much what is alive has grown: bytes. */
    get growth(): number {
      return this.#samples.at(-1)! - Math.min(...this.#samples);
    }
  }

  it('when they are subscribed', async () => {
    const taker = new Taker();
    const tail = streams.observe<string>(large, { after: 'start' });
    await lastValueFrom(
      tail.pipe(
        take(EVENTS),
        tap((event) => taker.take(event)),
      ),
    );
    expect(taker.bytes).toBe(EVENTS * BYTES);
    expect(taker.growth).toBeLessThan(taker.bytes / 3);
  });

  it('when they are iterated', async () => {
    const taker = new Taker();
    for await (const event of streams.observe<string>(large, { after: 'start' })) {
      taker.take(event);
      if (taker.taken === EVENTS) break;
    }
    expect(taker.bytes).toBe(EVENTS * BYTES);
    expect(taker.growth).toBeLessThan(taker.bytes / 3);
  });
});

describe('the engine of this process', () => {
  it('says what it publishes itself, and what it is told of, of one stream only, until nobody asks', async () => {
    const engine = here.app.get(PostgresStreamEngine);
    const other = newQueue('stream');
    const calls: string[] = [];
    const off = [stream, stream, other].map((name, i) => engine.onPublished(name, () => calls.push(`${i}`)));
    await streams.publish(stream, { data: 1 });
    expect(calls).toEqual(['0', '1']);
    await streams.publish(other, { data: 1 });
    expect(calls).toEqual(['0', '1', '2']);
    await there.publish(stream, { data: 1 });
    expect(calls).toHaveLength(3);
    const { streamId } = await engine.subscribe(stream, 'g', 'end');
    off[0]!();
    engine.heard(streamId);
    expect(calls).toEqual(['0', '1', '2', '1']);
    for (const one of off) one();
    engine.heard(streamId);
    await streams.publish(stream, { data: 1 });
    expect(calls).toHaveLength(4);
  });
});

describe('when the module is destroyed', () => {
  it('tails complete, and those that are begun later; nothing hangs', async () => {
    const { app } = await start();
    const service = app.get(StreamService);
    const { ends } = await watchFromNow(service);
    const looped = (async () => {
      for await (const _ of service.observe(newQueue('stream'))) expect.fail('there was none');
      return 'left';
    })();
    await app.close();
    await until('it to end', () => ends.length > 0);
    expect(ends).toEqual(['complete']);
    expect(await looped).toBe('left');
    const late = watch(service.observe(stream));
    await until('it to end', () => late.ends.length > 0);
    expect(late.ends).toEqual(['complete']);
  });

  it('tails complete where the connection alone is closed: an init that fails runs no shutdown hook', async () => {
    const { app } = await start();
    const { ends } = await watchFromNow(app.get(StreamService));
    await app.get(PgConnection).close();
    await until('it to end', () => ends.length > 0);
    expect(ends).toEqual(['complete']);
  });

  it('a response of server-sent events ends, and the server closes', async () => {
    const observed = stream;
    @Controller()
    class EventsController {
      constructor(private readonly service: StreamService) {}

      @Sse('events')
      events() {
        return this.service.observe(observed, { after: 'start' }).pipe(map(({ id, data }) => ({ id, data })));
      }
    }
    @Module({
      imports: [PgQueueModule.forRoot({ connection: database.url, schema: database.schema, logger: false })],
      controllers: [EventsController],
    })
    class ApplicationModule {}
    const app = await NestFactory.create(ApplicationModule, { logger: false, abortOnError: false });
    await app.listen(0, '127.0.0.1');
    const id = await there.publish(stream, { data: { paid: true } });
    // a connection that is kept would keep the server open after the response
    const request = get(`${await app.getUrl()}/events`, { agent: false });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    let text = '';
    let closing: Promise<void> | undefined;
    for await (const chunk of response.setEncoding('utf8')) {
      text += chunk;
      if (text.includes('paid')) closing ??= app.close();
    }
    expect(text).toContain(`id: ${id}`);
    await closing;
  });
});
