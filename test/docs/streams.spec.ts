import type { Type } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import {
  DelayedError,
  OnStreamBatch,
  StreamConsumer,
  type StreamConsumerOptions,
  type StreamContext,
  type StreamEvent,
  StreamService,
  UnrecoverableError,
} from '../../lib/index.js';
import { consumer, deadLetters, type Handle, newStream, publishing } from '../support/consuming.js';
import { testDatabase } from '../support/database.js';
import { testApplications } from '../support/running.js';
import { aWhile, deferred, until } from '../support/signals.js';

// what docs/streams.md says, as far as no other test shows it

const database = testDatabase({ migrated: true });
const start = testApplications(database);
const { publish, publishOne } = publishing(database);

type Hold = NonNullable<StreamConsumerOptions['hold']>;
const HOLDS: Hold[] = ['nothing', 'key', 'stream'];

/** A class that takes whole batches. */
function batches(
  stream: string,
  handle: (events: StreamEvent[], context: StreamContext) => unknown,
  options: Partial<StreamConsumerOptions> = {},
): Type {
  @StreamConsumer(stream, { group: 'g', startFrom: 'start', ...options })
  class Batches {
    @OnStreamBatch()
    handle(events: StreamEvent[], context: StreamContext): unknown {
      return handle(events, context);
    }
  }
  return Batches;
}

describe('order', () => {
  it('has what is committed first: a transaction that stays open holds nobody up, and comes when it has committed', async () => {
    const stream = newStream();
    const seen: string[] = [];
    const { app } = await start({ providers: [consumer(stream, ({ data }) => seen.push(data), { hold: 'stream' })] });
    const streams = app.get(StreamService);
    await streams.publish(stream, { data: 'before' });
    const tx = await database.connect();
    await tx.query('begin');
    await streams.publish(stream, { data: 'open 1' }, { tx });
    await streams.publish(stream, { data: 'beside it' });
    await streams.publish(stream, { data: 'open 2' }, { tx });
    await until('what is committed', () => seen.length === 2);
    await aWhile();
    expect(seen).toEqual(['before', 'beside it']);
    await tx.query('commit');
    await streams.publish(stream, { data: 'after' });
    await until('all', () => seen.length === 5);
    expect(seen.slice(2)).toEqual(['open 1', 'open 2', 'after']);
  });
});

describe('transactions that overlap', () => {
  it('have no order between them: who looks in between sees another than who looks later', async () => {
    const stream = newStream();
    const streams = (await start({ options: { processing: false } })).app.get(StreamService);
    const [earlier, later] = [await database.connect(), await database.connect()];
    await earlier.query('begin');
    await later.query('begin');
    await streams.publish(stream, { data: 'earlier' }, { tx: earlier });
    await streams.publish(stream, { data: 'later' }, { tx: later });
    await later.query('commit');
    const between = await streams.read(stream);
    await earlier.query('commit');
    between.push(...(await streams.read(stream, { after: between.at(-1)!.cursor })));
    expect(between.map(({ data }) => data)).toEqual(['later', 'earlier']);
    expect((await streams.read(stream)).map(({ data }) => data)).toEqual(['earlier', 'later']);
  });
});

describe('a handler', () => {
  it.each(HOLDS)('may put an event off without a charge, or give it up at once (hold: %s)', async (hold) => {
    const stream = newStream();
    const seen: [number, number][] = [];
    let putOff = 0;
    const handle: Handle = ({ data, retryCount }) => {
      seen.push([data.n, retryCount]);
      if (data.n === 1 && putOff++ < 2) throw new DelayedError(20);
      if (data.n === 2) throw new UnrecoverableError('never');
    };
    const [, two] = await publish(stream, 1, 2, 3);
    await start({ providers: [consumer(stream, handle, { hold })] });
    await until('all', async () => seen.length === 5 && (await deadLetters(database, stream)).length === 1);
    expect(seen.map(String).toSorted()).toEqual(['1,0', '1,0', '1,0', '2,0', '3,0']);
    expect(await deadLetters(database, stream)).toEqual([{ id: two, reason: 'unrecoverable', errors: ['never'] }]);
  });
});

describe('commitIn() of a batch', () => {
  it.each(HOLDS)('commits the effects of all its events and the position, or nothing (hold: %s)', async (hold) => {
    const stream = newStream();
    const { schema } = database;
    await database.client.query(`create table if not exists ${schema}.effects (stream text, n int, at bigserial)`);
    const client = await database.connect();
    let broken = true;
    const handle = async (events: StreamEvent[], context: StreamContext): Promise<void> => {
      await client.query('begin');
      for (const { data } of events) {
        await client.query(`insert into ${schema}.effects values ($1, $2)`, [stream, data.n]);
      }
      await context.commitIn(client);
      await client.query(broken ? 'rollback' : 'commit');
      broken = false;
    };
    await publish(stream, 1, 2, 3);
    await start({ providers: [batches(stream, handle, { hold, retryDelay: 10 })] });
    const effects = async (): Promise<number[]> =>
      (await database.client.query(`select n from ${schema}.effects where stream = $1 order by at`, [stream])).rows.map(
        ({ n }) => n,
      );
    await until('all', async () => (await effects()).length >= 3);
    await aWhile();
    expect((await effects()).map(String).toSorted()).toEqual(['1', '2', '3']);
    expect(broken).toBe(false);
  });
});

describe('seek()', () => {
  it.each(HOLDS)('to the start delivers every event again, under its id (hold: %s)', async (hold) => {
    const stream = newStream();
    const seen: [string, number][] = [];
    const reader = consumer(stream, ({ id, retryCount }) => seen.push([id, retryCount]), { hold });
    const { app } = await start({ providers: [reader] });
    const ids = await publish(stream, 1, 2, 3);
    await until('all', () => seen.length === 3);
    await app.get(StreamService).seek(stream, 'g', 'start');
    await until('all again', () => seen.length === 6);
    expect(seen).toEqual([...ids, ...ids].map((id) => [id, 0]));
  });

  it('lets what is being handled, and what waits to be repeated, go on', async () => {
    const stream = newStream();
    const [began, go] = [deferred(), deferred()];
    const seen: string[] = [];
    const handle: Handle = async ({ data, retryCount }) => {
      seen.push(`${data.n}${'!'.repeat(retryCount)}`);
      if (data.n === 1 && retryCount === 0) throw new Error('once');
      if (data.n === 2) {
        began.resolve();
        await go.promise;
      }
    };
    const { app } = await start({ providers: [consumer(stream, handle, { retryDelay: 200 })] });
    await publish(stream, 1, 2, 3);
    await began.promise;
    await app.get(StreamService).seek(stream, 'g', 'end');
    await publish(stream, 4);
    go.resolve();
    await until('all', () => seen.length === 5);
    expect(seen.toSorted()).toEqual(['1', '1!', '2', '3', '4']);
  });
});

describe('hold may be changed', () => {
  const changes = HOLDS.flatMap((from) => HOLDS.filter((to) => to !== from).map((to) => [from, to] as const));

  it.each(changes)('from %s to %s, while an event is retried: nothing is lost', async (from, to) => {
    const stream = newStream();
    const seen = new Set<number>();
    let broken = true;
    const handle: Handle = ({ data }) => {
      if (data.n === 2 && broken) throw new Error('broken');
      seen.add(data.n);
    };
    const run = async (hold: Hold): ReturnType<typeof start> =>
      start({ providers: [consumer(stream, handle, { hold, retryDelay: 200, attempts: 1000 })] });
    const publishSome = async (...numbers: number[]): Promise<void> => {
      for (const n of numbers) await publishOne(stream, { n }, 'default', n % 2 === 0 ? 'even' : 'odd');
    };
    const before = await run(from);
    await publishSome(1, 2, 3, 4);
    await until('the first', () => seen.has(1));
    await aWhile();
    await before.app.close();
    broken = false;
    await run(to);
    await publishSome(5, 6);
    await until('all', () => seen.size === 6);
    expect([...seen].map(String).toSorted().join('')).toBe('123456');
  });
});
