import type { Type } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { OnStreamBatch, OnStreamEvent, StreamConsumer, type StreamEvent, StreamService } from '../../lib/index.js';
import { consumer, deadLetters, type Handle, newStream, publishing } from '../support/consuming.js';
import { testDatabase } from '../support/database.js';
import { testApplications } from '../support/running.js';
import { aWhile, deferred, until } from '../support/signals.js';

const database = testDatabase({ migrated: true });
const start = testApplications(database);

const { publish, publishOne } = publishing(database);

describe('a stream consumer', () => {
  it('gets each event once, in the order of the log, as it was published', async () => {
    const stream = newStream();
    const seen: StreamEvent[] = [];
    await publish(stream, 1, 2);
    await start({ providers: [consumer(stream, (event) => seen.push(event))] });
    await until('the first', () => seen.length === 2);
    const id = await publishOne(stream, { n: 3 }, 'order.created', 'k');
    await until('the last', () => seen.length === 3);
    expect(seen.map(({ data }) => data.n)).toEqual([1, 2, 3]);
    expect(seen[2]!).toMatchObject({ id, stream, type: 'order.created', key: 'k', headers: {}, retryCount: 0 });
    expect(seen[2]!.publishedAt).toBeInstanceOf(Date);
    await aWhile();
    expect(seen).toHaveLength(3);
  });

  it('is one of many groups: each gets every event', async () => {
    const stream = newStream();
    const seen: Record<string, number[]> = { a: [], b: [], c: [] };
    const groups = Object.keys(seen).map((group) =>
      consumer(stream, ({ data }) => seen[group]!.push(data.n), { group }),
    );
    await start({ providers: groups });
    await publish(stream, 1, 2, 3);
    await until('all', () => Object.values(seen).every((numbers) => numbers.length === 3));
    for (const numbers of Object.values(seen)) expect(numbers).toEqual([1, 2, 3]);
  });

  it('that begins at the end gets what comes from then on', async () => {
    const stream = newStream();
    const seen: number[] = [];
    await publish(stream, 1);
    await start({ providers: [consumer(stream, ({ data }) => seen.push(data.n), { startFrom: 'end' })] });
    await publish(stream, 2);
    await until('the second', () => seen.length > 0);
    expect(seen).toEqual([2]);
  });

  it('goes on where it was after a restart', async () => {
    const stream = newStream();
    const seen: number[] = [];
    const handler = consumer(stream, ({ data }) => seen.push(data.n));
    const first = await start({ providers: [handler] });
    await publish(stream, 1, 2);
    await until('two', () => seen.length === 2);
    await first.app.close();
    await publish(stream, 3);
    await start({ providers: [handler] });
    await until('the third', () => seen.length === 3);
    expect(seen).toEqual([1, 2, 3]);
  });

  it('has each type taken by the method that names it, and the rest by the one that names none', async () => {
    const stream = newStream();
    const seen: string[] = [];
    @StreamConsumer(stream, { group: 'g', startFrom: 'start' })
    class Orders {
      @OnStreamEvent(['created', 'changed'])
      changed({ type }: StreamEvent): void {
        seen.push(`changed: ${type}`);
      }
      @OnStreamEvent('paid')
      paid({ type }: StreamEvent): void {
        seen.push(`paid: ${type}`);
      }
      @OnStreamEvent('*')
      other({ type }: StreamEvent): void {
        seen.push(`other: ${type}`);
      }
    }
    for (const type of ['created', 'paid', 'sent', 'changed']) await publishOne(stream, null, type);
    await start({ providers: [Orders] });
    await until('all', () => seen.length === 4);
    expect(seen).toEqual(['changed: created', 'paid: paid', 'other: sent', 'changed: changed']);
  });

  it('runs as many handlers at once as it says, and no more', async () => {
    const stream = newStream();
    let [running, most, done] = [0, 0, 0];
    const handle = async (): Promise<void> => {
      most = Math.max(most, ++running);
      await aWhile(20);
      running--;
      done++;
    };
    await publish(stream, ...Array.from({ length: 12 }, (_, i) => i));
    await start({ providers: [consumer(stream, handle, { concurrency: 3, maxMessages: 5 })] });
    await until('all', () => done === 12);
    expect(most).toBe(3);
  });

  it('takes batches at once with @OnStreamBatch(), of at most maxMessages', async () => {
    const stream = newStream();
    const batches: number[][] = [];
    @StreamConsumer(stream, { group: 'g', startFrom: 'start', maxMessages: 4 })
    class Batches {
      @OnStreamBatch()
      handle(events: StreamEvent[]): void {
        batches.push(events.map(({ data }) => data.n));
      }
    }
    await publish(stream, ...Array.from({ length: 10 }, (_, i) => i));
    await start({ providers: [Batches] });
    await until('all', () => batches.flat().length === 10);
    expect(batches).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
      [8, 9],
    ]);
  });
});

describe('an event whose handler fails', () => {
  it('comes again alone, for that group only, with its count, and goes to the dead letters in the end', async () => {
    const stream = newStream();
    const [failing, other]: [number[][], number[]] = [[], []];
    const handle: Handle = ({ data, retryCount }) => {
      failing.push([data.n, retryCount]);
      if (data.n === 2) throw new Error('no 2');
    };
    await start({
      providers: [
        consumer(stream, handle, { group: 'failing', attempts: 3, retryDelay: 20 }),
        consumer(stream, ({ data }) => other.push(data.n), { group: 'other' }),
      ],
    });
    const [, two] = await publish(stream, 1, 2, 3);
    await until('the dead letter', async () => (await deadLetters(database, stream)).length > 0);
    expect(failing).toEqual([
      [1, 0],
      [2, 0],
      [3, 0],
      [2, 1],
      [2, 2],
    ]);
    expect(other).toEqual([1, 2, 3]);
    expect(await deadLetters(database, stream)).toEqual([
      { id: two, reason: 'exhausted', errors: ['no 2', 'no 2', 'no 2'] },
    ]);
  });

  it('and fails again after seek() has gone back is retried again', async () => {
    const stream = newStream();
    const seen: number[][] = [];
    const handle: Handle = ({ data, retryCount }) => {
      seen.push([data.n, retryCount]);
      if (data.n === 2 && retryCount === 0) throw new Error('not yet');
    };
    const { app } = await start({ providers: [consumer(stream, handle, { retryDelay: 10 })] });
    await publish(stream, 1, 2, 3);
    const round = [
      [1, 0],
      [2, 0],
      [3, 0],
      [2, 1],
    ];
    await until('the first round', () => seen.length === 4);
    await app.get(StreamService).seek(stream, 'g', 'start');
    await publish(stream, 4);
    await until('the second', () => seen.length === 9);
    expect(seen.filter(([n]) => n !== 4)).toEqual([...round, ...round]);
  });

  it('is in a batch: each of that batch comes again alone', async () => {
    const stream = newStream();
    const batches: [number, number][][] = [];
    @StreamConsumer(stream, { group: 'g', startFrom: 'start', retryDelay: 10, attempts: 2 })
    class Batches {
      @OnStreamBatch()
      handle(events: StreamEvent[]): void {
        batches.push(events.map(({ data, retryCount }) => [data.n, retryCount]));
        if (events.some(({ data }) => data.n === 2)) throw new Error('no 2');
      }
    }
    const [, two] = await publish(stream, 1, 2, 3);
    await start({ providers: [Batches] });
    await until(
      'the dead letter',
      async () => (await deadLetters(database, stream)).length > 0 && batches.length === 4,
    );
    expect(batches[0]).toEqual([
      [1, 0],
      [2, 0],
      [3, 0],
    ]);
    expect(new Set(batches.slice(1).map(String))).toEqual(new Set(['1,1', '2,1', '3,1']));
    expect(await deadLetters(database, stream)).toEqual([{ id: two, reason: 'exhausted', errors: ['no 2', 'no 2'] }]);
  });

  it('and that no method takes is nacked, or acknowledged where the consumer says so', async () => {
    const [nacking, acking] = [newStream(), newStream()];
    const only = (stream: string, unhandled: 'nack' | 'ack'): Type => {
      @StreamConsumer(stream, { group: 'g', startFrom: 'start', attempts: 1, unhandled })
      class Only {
        @OnStreamEvent('known')
        known(): void {}
      }
      return Only;
    };
    await publishOne(nacking, null, 'unknown');
    await publishOne(acking, null, 'unknown');
    await start({ providers: [only(nacking, 'nack'), only(acking, 'ack')] });
    await until('the dead letter', async () => (await deadLetters(database, nacking)).length > 0);
    expect((await deadLetters(database, nacking))[0]!.errors[0]).toContain(
      `No method of group 'g' takes events of type 'unknown'`,
    );
    await aWhile();
    expect(await deadLetters(database, acking)).toEqual([]);
  });
});

describe('commitIn()', () => {
  it('commits effects and position together: after a rollback the event comes again', async () => {
    const stream = newStream();
    const { schema } = database;
    await database.client.query(`create table ${schema}.effects (n int, try int)`);
    const pool = await database.connect();
    const handle: Handle = async ({ data, retryCount }, context) => {
      await pool.query('begin');
      await pool.query(`insert into ${schema}.effects values ($1, $2)`, [data.n, retryCount]);
      await context.commitIn(pool);
      await pool.query(data.n === 2 && retryCount === 0 ? 'rollback' : 'commit');
    };
    await publish(stream, 1, 2, 3);
    await start({ providers: [consumer(stream, handle, { retryDelay: 10 })] });
    const effects = async (): Promise<unknown[]> =>
      (await database.client.query(`select n, try from ${schema}.effects order by n`)).rows;
    await until('all', async () => (await effects()).length === 3);
    expect(await effects()).toEqual([
      { n: 1, try: 0 },
      { n: 2, try: 1 },
      { n: 3, try: 0 },
    ]);
  });
});

describe('shutting down', () => {
  it('ends the handlers that run, and leaves the rest of the batch to the next process', async () => {
    const stream = newStream();
    const [began, go] = [deferred(), deferred()];
    const seen: number[] = [];
    const handle: Handle = async ({ data }) => {
      began.resolve();
      await go.promise;
      seen.push(data.n);
    };
    await publish(stream, 1, 2, 3);
    const first = await start({ providers: [consumer(stream, handle)] });
    await began.promise;
    const closing = first.app.close();
    await aWhile(50);
    go.resolve();
    await closing;
    expect(seen).toEqual([1]);
    await start({ providers: [consumer(stream, ({ data }) => seen.push(data.n))] });
    await until('the rest', () => seen.length === 3);
    expect(seen).toEqual([1, 2, 3]);
  });
});
