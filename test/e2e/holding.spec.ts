import { describe, expect, it } from 'vitest';
import { OnStreamBatch, StreamConsumer, type StreamEvent } from '../../lib/index.js';
import { testDatabase } from '../support/database.js';
import { consumer, deadLetters, type Handle, newStream, publishing } from '../support/consuming.js';
import { testApplications } from '../support/running.js';
import { aWhile, deferred, until } from '../support/signals.js';

const database = testDatabase({ migrated: true });
const start = testApplications(database);
const { publish, publishOne } = publishing(database);

describe('a consumer that holds the stream', () => {
  it('goes on with the next event when the one before has ended, however often that is retried', async () => {
    const stream = newStream();
    const seen: [number, number][] = [];
    const handle: Handle = ({ data, retryCount }) => {
      seen.push([data.n, retryCount]);
      if (data.n === 2 && retryCount < 2) throw new Error('not yet');
    };
    await publish(stream, 1, 2, 3);
    await start({ providers: [consumer(stream, handle, { hold: 'stream', retryDelay: 20 })] });
    await until('the third', () => seen.at(-1)?.[0] === 3);
    expect(seen).toEqual([
      [1, 0],
      [2, 0],
      [2, 1],
      [2, 2],
      [3, 0],
    ]);
  });

  it('goes on when an event has come to the dead letters, with the errors of all its attempts', async () => {
    const stream = newStream();
    const seen: number[] = [];
    const handle: Handle = ({ data, retryCount }) => {
      seen.push(data.n);
      if (data.n === 2) throw new Error(`no ${retryCount}`);
    };
    const [, two] = await publish(stream, 1, 2, 3, 4);
    await start({ providers: [consumer(stream, handle, { hold: 'stream', retryDelay: 10, attempts: 3 })] });
    await until('the last', () => seen.at(-1) === 4);
    expect(seen).toEqual([1, 2, 2, 2, 3, 4]);
    await until('the dead letter', async () => (await deadLetters(database, stream)).length === 1);
    expect(await deadLetters(database, stream)).toMatchObject([
      { id: two, reason: 'exhausted', errors: ['no 0', 'no 1', 'no 2'] },
    ]);
  });

  it('has one process at a time, and another goes on where it stopped', async () => {
    const stream = newStream();
    const [go, began] = [deferred(), deferred()];
    const seen: string[] = [];
    const handle =
      (name: string): Handle =>
      async ({ data }) => {
        began.resolve();
        if (data.n === 1) await go.promise;
        seen.push(`${name}${data.n}`);
      };
    await publish(stream, 1, 2, 3);
    const first = await start({ providers: [consumer(stream, handle('a'), { hold: 'stream' })] });
    await began.promise;
    await start({ providers: [consumer(stream, handle('b'), { hold: 'stream' })] });
    await aWhile();
    expect(seen).toEqual([]);
    const closing = first.app.close();
    await aWhile(50);
    go.resolve();
    await closing;
    await until('the rest', () => seen.length === 3);
    expect(seen).toEqual(['a1', 'b2', 'b3']);
  });

  it('retries what its transaction did not commit before it goes on', async () => {
    const stream = newStream();
    const { schema } = database;
    await database.client.query(`create table ${schema}.effects (n int, try int, at bigserial)`);
    const client = await database.connect();
    const handle: Handle = async ({ data, retryCount }, context) => {
      await client.query('begin');
      await client.query(`insert into ${schema}.effects values ($1, $2)`, [data.n, retryCount]);
      await context.commitIn(client);
      await client.query(data.n === 2 && retryCount === 0 ? 'rollback' : 'commit');
    };
    await publish(stream, 1, 2, 3);
    await start({ providers: [consumer(stream, handle, { hold: 'stream', retryDelay: 10 })] });
    const effects = async (): Promise<unknown[]> =>
      (await database.client.query(`select n, try from ${schema}.effects order by at`)).rows;
    await until('all', async () => (await effects()).length === 3);
    expect(await effects()).toEqual([
      { n: 1, try: 0 },
      { n: 2, try: 1 },
      { n: 3, try: 0 },
    ]);
  });

  it('delivers a batch that failed event by event, and retries only the one that fails alone', async () => {
    const stream = newStream();
    const batches: number[][] = [];
    @StreamConsumer(stream, { group: 'g', startFrom: 'start', hold: 'stream', retryDelay: 10, attempts: 2 })
    class Batches {
      @OnStreamBatch()
      handle(events: StreamEvent[]): void {
        batches.push(events.map(({ data }) => data.n));
        if (events.some(({ data }) => data.n === 2)) throw new Error('no 2');
      }
    }
    const [, two] = await publish(stream, 1, 2, 3, 4);
    await start({ providers: [Batches] });
    await until('the last', () => batches.at(-1)?.includes(4) === true && batches.length > 1);
    expect(batches).toEqual([[1, 2, 3, 4], [1], [2], [2], [3], [4]]);
    expect((await deadLetters(database, stream)).map(({ id }) => id)).toEqual([two]);
    await publish(stream, 5, 6);
    await until('what comes later', () => batches.flat().at(-1) === 6);
    expect(batches.slice(6).flat()).toEqual([5, 6]);
  });
});

describe('a consumer that holds keys', () => {
  /** Publishes `a1 b1 a2 …`: a key and a number each. */
  const publishKeys = async (stream: string, text: string): Promise<void> => {
    for (const name of text.split(' ')) await publishOne(stream, { name }, 'default', name === '-' ? null : name[0]!);
  };

  it('lets the events of a key wait while one of them is retried, and nothing else', async () => {
    const stream = newStream();
    const seen: string[] = [];
    const failing = new Set(['a1', 'b2']);
    const handle: Handle = ({ data, retryCount }) => {
      seen.push(`${data.name}${'!'.repeat(retryCount)}`);
      if (failing.has(data.name) && retryCount < 2) throw new Error('not yet');
    };
    await publishKeys(stream, 'a1 b1 a2 c1 b2 a3 b3 c2');
    await start({ providers: [consumer(stream, handle, { hold: 'key', retryDelay: 30 })] });
    await until('the first of each', () => seen.includes('c2'));
    await publishKeys(stream, 'a4 b4 c3');
    await until('all', () => seen.length === 15);
    const of = (key: string): string[] => seen.filter((name) => name.startsWith(key));
    expect(of('a')).toEqual(['a1', 'a1!', 'a1!!', 'a2', 'a3', 'a4']);
    expect(of('b')).toEqual(['b1', 'b2', 'b2!', 'b2!!', 'b3', 'b4']);
    expect(of('c')).toEqual(['c1', 'c2', 'c3']);
    expect(seen.indexOf('c2')).toBeLessThan(seen.indexOf('a2'));
    await nothingHeld();
  });

  const nothingHeld = async (): Promise<void> => {
    const { schema } = database;
    await until('no key to be held', async () => {
      const { rows } = await database.client.query(
        `select (select count(*) from ${schema}.held_key) + (select count(*) from ${schema}.parked_event) as n`,
      );
      return rows[0].n === '0';
    });
  };

  it('goes on with a key when its event has come to the dead letters, or was completed in a transaction', async () => {
    const stream = newStream();
    const seen: string[] = [];
    const client = await database.connect();
    const handle: Handle = async ({ data, retryCount }, context) => {
      seen.push(data.name);
      if (data.name === 'a1') throw new Error('never');
      if (data.name !== 'b1') return;
      if (retryCount === 0) throw new Error('once');
      await client.query('begin');
      await context.commitIn(client);
      await client.query('commit');
    };
    await publishKeys(stream, 'a1 b1 a2 b2');
    await start({ providers: [consumer(stream, handle, { hold: 'key', retryDelay: 10, attempts: 2 })] });
    await until('all', () => seen.length === 6);
    expect(seen.filter((name) => name[0] === 'a')).toEqual(['a1', 'a1', 'a2']);
    expect(seen.filter((name) => name[0] === 'b')).toEqual(['b1', 'b1', 'b2']);
    expect((await deadLetters(database, stream)).map(({ errors }) => errors)).toEqual([['never', 'never']]);
    await nothingHeld();
  });

  it('runs one event of a key at a time, in its order, in however many processes and places', async () => {
    const stream = newStream();
    const running = new Set<string>();
    const seen: string[] = [];
    const clashes: string[] = [];
    const handle =
      (_process: number): Handle =>
      async ({ data, key }) => {
        if (running.has(key!)) clashes.push(data.name);
        running.add(key!);
        await aWhile(data.name.length);
        seen.push(data.name);
        running.delete(key!);
      };
    const names = Array.from({ length: 240 }, (_, i) => `${'abcdefgh'[i % 8]!}${i}`);
    const options = { hold: 'key', concurrency: 5, maxMessages: 7 } as const;
    for (const process of [1, 2, 3]) await start({ providers: [consumer(stream, handle(process), options)] });
    await publishKeys(stream, names.join(' '));
    await until('all', () => seen.length === 240, 15_000);
    expect(clashes).toEqual([]);
    for (const key of 'abcdefgh') {
      expect(seen.filter((name) => name[0] === key)).toEqual(names.filter((name) => name[0] === key));
    }
  });

  it('leaves what it has not begun to the next process, in order', async () => {
    const stream = newStream();
    const [go, began] = [deferred(), deferred()];
    const seen: string[] = [];
    const handle: Handle = async ({ data }) => {
      if (data.name === 'a1') {
        began.resolve();
        await go.promise;
      }
      seen.push(data.name);
    };
    await publishKeys(stream, 'a1 a2 a3 - a4');
    const first = await start({ providers: [consumer(stream, handle, { hold: 'key' })] });
    await began.promise;
    const closing = first.app.close();
    await aWhile(50);
    go.resolve();
    await closing;
    await start({ providers: [consumer(stream, handle, { hold: 'key' })] });
    await until('all', () => seen.length === 5);
    expect(seen.filter((name) => name !== '-')).toEqual(['a1', 'a2', 'a3', 'a4']);
  });

  it('takes batches, and holds the key of the event that fails in one', async () => {
    const stream = newStream();
    const batches: string[][] = [];
    @StreamConsumer(stream, { group: 'g', startFrom: 'start', hold: 'key', retryDelay: 10 })
    class Batches {
      @OnStreamBatch()
      handle(events: StreamEvent[]): void {
        batches.push(events.map(({ data }) => data.name));
        if (events.some(({ data, retryCount }) => data.name === 'a2' && retryCount < 2)) throw new Error('no a2');
      }
    }
    await publishKeys(stream, 'a1 a2 a3 a4');
    await start({ providers: [Batches] });
    await until('all', () => batches.slice(1).flat().includes('a4'));
    expect(batches[0]).toEqual(['a1', 'a2', 'a3', 'a4']);
    expect(batches.slice(1).flat()).toEqual(['a1', 'a2', 'a2', 'a2', 'a3', 'a4']);
    await nothingHeld();
  });
});
