import { describe, expect, it } from 'vitest';
import { OnStreamBatch, StreamConsumer, type StreamEvent } from '../../lib/index.js';
import { testDatabase } from '../support/database.js';
import { consumer, deadLetters, type Handle, newStream, publishing } from '../support/consuming.js';
import { testApplications } from '../support/running.js';
import { aWhile, deferred, until } from '../support/signals.js';

const database = testDatabase({ migrated: true });
const start = testApplications(database);
const { publish } = publishing(database);

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
