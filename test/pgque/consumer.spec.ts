import { describe, expect, it } from 'vitest';
import { DelayedError, OnStreamEvent, StreamConsumer, type StreamEvent, UnrecoverableError } from '../../lib/index.js';
import { aWhile, deferred, until } from '../support/signals.js';
import { hasPgque } from './shim/install-pgque.js';
import { pgqueDatabase } from './shim/pgque-database.js';
import {
  isDone,
  pgqueApplications,
  pgqueBatches,
  pgqueConsumer,
  retries,
  sendMany,
  untilDone,
} from './support/pgque-applications.js';

const database = pgqueDatabase();
const start = pgqueApplications(database);

const never = { pollInterval: '1h' } as const;

describe.skipIf(!hasPgque)('a consumer of PgQue (a stand-in over PgQ)', () => {
  it('R36 gets what others have sent, as they sent it: JSON or text, with key and headers', async () => {
    const { main } = database;
    const queue = await main.queue([]);
    const seen: StreamEvent[] = [];
    await start({ providers: [pgqueConsumer(queue, (event) => seen.push(event))] });
    const id = await main.call('send', queue, 'order.created', '{"total": 12}');
    await main.call('insert_event', queue, 'plain', 'no JSON', 'key', '{"trace":"t"}', null, null);
    await main.call('insert_event', queue, null, null, null, '{"not": 1}', null, null);
    await main.tick(queue);
    await until('all three', () => seen.length === 3);
    expect(seen[0]).toMatchObject({
      id,
      stream: queue,
      type: 'order.created',
      data: { total: 12 },
      key: null,
      headers: {},
      retryCount: 0,
      cursor: '',
    });
    expect(Math.abs(seen[0]!.publishedAt.getTime() - Date.now())).toBeLessThan(60_000);
    expect(seen[1]).toMatchObject({ type: 'plain', data: 'no JSON', key: 'key', headers: { trace: 't' } });
    expect(seen[2]).toMatchObject({ type: '', data: null, headers: {} });
    await untilDone(main, queue);
  });

  it('R24 is one of many: each consumer gets every event, and what is sent before one begins at the start', async () => {
    const { main } = database;
    const queue = await main.queue([]);
    await main.send(queue, '1', '2');
    await main.tick(queue);
    const seen: Record<string, number[]> = { a: [], b: [], late: [] };
    const of = (group: string, startFrom: 'start' | 'end') =>
      pgqueConsumer(queue, ({ data }) => seen[group]!.push(data), { group, startFrom });
    await start({ providers: [of('a', 'start'), of('b', 'start'), of('late', 'end')] });
    await main.send(queue, '3');
    await main.tick(queue);
    await until('all', () => Object.values(seen).every((numbers) => numbers.includes(3)));
    expect(seen).toEqual({ a: [1, 2, 3], b: [1, 2, 3], late: [3] });
  });

  it('R46 that begins at the start stays where it is when it is started again', async () => {
    const { main } = database;
    const queue = await main.queue([]);
    await main.send(queue, '1');
    await main.tick(queue);
    const seen: number[] = [];
    const consumer = pgqueConsumer(queue, ({ data }) => seen.push(data), { startFrom: 'start' });
    const { app } = await start({ providers: [consumer] });
    await untilDone(main, queue);
    await app.close();
    await main.send(queue, '2');
    await main.tick(queue);
    await start({ providers: [consumer] });
    await untilDone(main, queue);
    expect(seen).toEqual([1, 2]);
  });

  it('R37 has each type taken by the method that names it, and the rest by the one that names none', async () => {
    const { main } = database;
    const queue = await main.queue([]);
    const seen: string[] = [];
    @StreamConsumer(queue, { group: 'consumer', engine: 'pgque' })
    class Orders {
      @OnStreamEvent(['created', 'changed'])
      changed({ type }: StreamEvent): void {
        seen.push(`changed: ${type}`);
      }
      @OnStreamEvent('*')
      other({ type }: StreamEvent): void {
        seen.push(`other: ${type}`);
      }
    }
    await start({ providers: [Orders] });
    for (const type of ['created', 'paid', 'changed']) await main.call('send', queue, type, '{}');
    await main.tick(queue);
    await untilDone(main, queue);
    expect(seen).toEqual(['changed: created', 'other: paid', 'changed: changed']);
  });

  it('R37 nacks what no method takes, or acknowledges it if it says so', async () => {
    const { main } = database;
    const queue = await main.queue([]);
    const taking = (group: string, unhandled?: 'ack') => {
      @StreamConsumer(queue, { group, engine: 'pgque', ...(unhandled && { unhandled }) })
      class Taking {
        @OnStreamEvent('known')
        known(): void {}
      }
      return Taking;
    };
    await start({ providers: [taking('nacks'), taking('acks', 'ack')] });
    const unknown = await main.call('send', queue, 'unknown', '1');
    await main.call('send', queue, 'known', '2');
    await main.tick(queue);
    await untilDone(main, queue, 'nacks');
    await untilDone(main, queue, 'acks');
    expect(await retries(main, queue)).toEqual([{ id: unknown, retry: 1, seconds: 60 }]);
  });

  it('R38 gives back what a handler fails at, with its delay; the others are handled, and the batch ends', async () => {
    const { main } = database;
    const queue = await main.queue([], { max_retries: '1' });
    const seen: [number, number][] = [];
    const handle = ({ data, retryCount }: StreamEvent): void => {
      seen.push([data, retryCount]);
      if (data === 2) throw new Error(`no ${data}, attempt ${retryCount}`);
    };
    await start({ providers: [pgqueConsumer(queue, handle, { retryDelay: '90s', attempts: 2 })] });
    const [, two] = await main.send(queue, '1', '2', '3');
    await main.tick(queue);
    await untilDone(main, queue);
    expect(seen).toEqual([
      [1, 0],
      [2, 0],
      [3, 0],
    ]);
    expect(await retries(main, queue)).toEqual([{ id: two, retry: 1, seconds: 90 }]);
    await main.retryAll(queue);
    await untilDone(main, queue);
    expect(seen[3]).toEqual([2, 1]);
    expect(await main.rows(`select ev_id as id, dl_reason as reason from pgque.dlq_inspect($1)`, [queue])).toEqual([
      { id: two, reason: 'no 2, attempt 1' },
    ]);
  });

  it('R38 charges a retry, as PgQue counts, for whatever a handler throws; a DelayedError says how long to wait', async () => {
    const { main } = database;
    const queue = await main.queue([], { max_retries: '1' });
    const handle = ({ data }: StreamEvent): void => {
      throw data === 1 ? new DelayedError('45s') : new UnrecoverableError('never');
    };
    await start({ providers: [pgqueConsumer(queue, handle)] });
    const [one, two] = await main.send(queue, '1', '2');
    await main.tick(queue);
    await untilDone(main, queue);
    expect(await retries(main, queue)).toEqual([
      { id: one, retry: 1, seconds: 45 },
      { id: two, retry: 1, seconds: 60 },
    ]);
    await main.retryAll(queue);
    await untilDone(main, queue);
    const letters = await main.rows<{ id: string }>('select ev_id as id from pgque.dlq_inspect($1)', [queue]);
    expect(new Set(letters.map(({ id }) => id))).toEqual(new Set([one, two]));
  });

  it('R38 acknowledges nothing of a batch in which a nack fails, and tries again a poll interval later', async () => {
    const { main } = database;
    const queue = await main.queue([]);
    let runs = 0;
    const handle = ({ data }: StreamEvent): void => {
      if (data === 1) runs++;
      if (data === 2) throw new Error('no 2');
    };
    await main.rows(
      `create function pgque.refuse() returns trigger language plpgsql as $$ begin raise exception 'no room'; end $$`,
    );
    await main.rows(
      'create trigger refuse before insert on pgque.retry_queue for each row execute function pgque.refuse()',
    );
    try {
      const { logger } = await start({ providers: [pgqueConsumer(queue, handle, { pollInterval: 300 })] });
      await main.send(queue, '1', '2');
      await main.tick(queue);
      await until('the batch to come again', () => runs >= 2);
      expect(logger.texts('error')).toEqual([
        expect.stringMatching(/could not end batch \d+, which comes again: no room/),
      ]);
      // neither does each tick make it try
      const before = runs;
      for (let i = 0; i < 20; i++) await main.tick(queue);
      expect(runs - before).toBeLessThan(10);
    } finally {
      await main.rows('drop trigger refuse on pgque.retry_queue');
    }
    await untilDone(main, queue);
    expect(await retries(main, queue)).toHaveLength(1);
  });

  it('T10 delivers an event once that is in its batch twice, and keeps the batch while it fails, as PgQue would lose it', async () => {
    const { main } = database;
    const queue = await main.queue();
    await main.send(queue, '1', '2');
    await main.tick(queue);
    const [message] = await main.receive(queue);
    for (let i = 0; i < 2; i++) {
      await main.nack(message!);
      while ((await main.call<number>('maint_retry_events')) > 0);
    }
    await main.call('ack', message!.batch_id);
    await main.tick(queue);
    let fails = true;
    const seen: number[] = [];
    const handle = ({ data }: StreamEvent): void => {
      seen.push(data);
      if (fails) throw new Error('no');
    };
    const { logger } = await start({ providers: [pgqueConsumer(queue, handle, { pollInterval: 100 })] });
    await until('two tries', () => seen.length >= 2);
    expect(logger.texts('error')).toEqual([expect.stringContaining(`event ${message!.msg_id} is in its batch twice`)]);
    expect(await isDone(main, queue)).toBe(false);
    fails = false;
    const before = seen.length;
    await untilDone(main, queue);
    expect(seen.slice(before)).toEqual([1]);
  });

  it('R39 passes nothing over: 1000 events in one tick, 100 at a time, and one ack', async () => {
    const { main } = database;
    const queue = await main.queue();
    await sendMany(main, queue, 1000);
    await main.tick(queue);
    const pages: number[][] = [];
    const batches = await main.value('select last_value from pgque.batch_id_seq');
    await start({
      providers: [pgqueBatches(queue, (events) => pages.push(events.map(({ data }) => data)), { maxMessages: 100 })],
    });
    await untilDone(main, queue);
    expect(pages.map((page) => page.length)).toEqual(Array.from({ length: 10 }, () => 100));
    expect(pages.flat()).toEqual(Array.from({ length: 1000 }, (_, i) => i + 1));
    expect(await main.value(`select last_value - $1 from pgque.batch_id_seq`, [batches])).toBe('1');
  });

  it('R39 reads a batch of megabytes in pages', async () => {
    const { main } = database;
    const queue = await main.queue();
    await main.rows(
      `select pgque.send($1, 'default', to_json(repeat('x', 1000000))::text) from generate_series(1, 12) n`,
      [queue],
    );
    await main.tick(queue);
    let seen = 0;
    await start({ providers: [pgqueConsumer(queue, ({ data }) => (seen += data.length))] });
    await untilDone(main, queue);
    expect(seen).toBe(12_000_000);
  });

  it('R29 goes through a day of empty windows without sleeping', async () => {
    const { main } = database;
    const queue = await main.queue();
    await main.rows('select pgque.force_next_tick($1), pgque.ticker($1) from generate_series(1, 3)', [queue]);
    // a tick in a minute, for a day
    await main.rows(
      `insert into pgque.tick (tick_queue, tick_id, tick_time, tick_snapshot, tick_event_seq)
       select t.tick_queue, t.tick_id + n, t.tick_time + n * interval '1 minute', t.tick_snapshot, t.tick_event_seq
       from pgque.tick t join pgque.queue q on q.queue_id = t.tick_queue, generate_series(1, 1000) n
       where q.queue_name = $1 and t.tick_id = (select max(tick_id) from pgque.tick where tick_queue = q.queue_id)`,
      [queue],
    );
    await main.rows(
      `select setval(q.queue_tick_seq, (select max(tick_id) from pgque.tick where tick_queue = q.queue_id))
      from pgque.queue q where queue_name = $1`,
      [queue],
    );
    await main.send(queue, '1');
    await main.tick(queue);
    const seen: number[] = [];
    const batches = await main.value('select last_value from pgque.batch_id_seq');
    await start({ providers: [pgqueConsumer(queue, ({ data }) => seen.push(data), never)] });
    await until('the event behind them', () => seen.length === 1);
    // and not in a thousand steps
    expect(Number(await main.value(`select last_value - $1 from pgque.batch_id_seq`, [batches]))).toBeLessThan(100);
  });

  it('R40 is woken by a tick, whatever the name of the queue', async () => {
    const { main } = database;
    const queue = `Queue "of" mine's`;
    await main.call('create_queue', queue);
    const seen: number[] = [];
    await start({ providers: [pgqueConsumer(queue, ({ data }) => seen.push(data), never)] });
    for (const n of [1, 2, 3]) {
      await main.send(queue, String(n));
      await main.tick(queue);
      await until(`event ${n}`, () => seen.length === n);
    }
    expect(seen).toEqual([1, 2, 3]);
  });

  it('R40 listens again when its connection is cut, looks once, and does not hurry', async () => {
    const { main } = database;
    const queue = await main.queue();
    const seen: number[] = [];
    await start({ providers: [pgqueConsumer(queue, ({ data }) => seen.push(data), never)] });
    const cut = async (): Promise<number> =>
      main.value(`select count(pg_terminate_backend(pid))::int from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid() and wait_event = 'ClientRead'`);
    await main.send(queue, '1');
    await main.tick(queue);
    await until('the first', () => seen.length === 1);
    await untilDone(main, queue);
    expect(await cut()).toBeGreaterThan(0);
    // while nobody listens
    await main.send(queue, '2');
    await main.tick(queue);
    await until('the second', () => seen.length === 2);
    await main.send(queue, '3');
    await main.tick(queue);
    await until('the third', () => seen.length === 3);
    await untilDone(main, queue);
    const calls = async (): Promise<number> => {
      await main.rows('select pg_stat_force_next_flush()').catch(() => undefined);
      return Number(await main.value(`select xact_commit from pg_stat_database where datname = current_database()`));
    };
    const before = await calls();
    await aWhile(1500);
    expect((await calls()) - before).toBeLessThan(60);
  });

  it('R53 polls where nothing is heard', async () => {
    const { main } = database;
    const queue = await main.queue();
    const seen: number[] = [];
    await start({
      providers: [pgqueConsumer(queue, ({ data }) => seen.push(data), never)],
      options: { listen: false },
    });
    for (const n of [1, 2]) {
      await main.send(queue, String(n));
      await main.tick(queue);
      await until(`event ${n}`, () => seen.length === n);
    }
    expect(seen).toEqual([1, 2]);
  });

  it('R52 has ids beyond 2^53 exactly, and leaves the type parsers of pg alone', async () => {
    const { default: pg } = await import('pg');
    const before = pg.types.getTypeParser(20, 'text');
    const { main } = database;
    const queue = await main.queue();
    await main.rows(`select setval(queue_event_seq, 9007199254740992) from pgque.queue where queue_name = $1`, [queue]);
    const ids: string[] = [];
    const handle = ({ id, data }: StreamEvent): void => {
      ids.push(id);
      if (data === 2) throw new Error('no');
    };
    await start({ providers: [pgqueConsumer(queue, handle)] });
    await main.send(queue, '1', '2');
    await main.tick(queue);
    await untilDone(main, queue);
    expect(ids).toEqual(['9007199254740993', '9007199254740994']);
    expect((await retries(main, queue)).map(({ id }) => id)).toEqual(['9007199254740994']);
    expect(pg.types.getTypeParser(20, 'text')).toBe(before);
  });

  it('runs as many handlers at once as it says, over the pages of a batch', async () => {
    const { main } = database;
    const queue = await main.queue();
    let [running, most, done] = [0, 0, 0];
    const handle = async (): Promise<void> => {
      most = Math.max(most, ++running);
      await aWhile(5);
      running--;
      done++;
    };
    await sendMany(main, queue, 30);
    await main.tick(queue);
    await start({ providers: [pgqueConsumer(queue, handle, { concurrency: 4, maxMessages: 7 })] });
    await untilDone(main, queue);
    expect({ most, done }).toEqual({ most: 4, done: 30 });
  });

  it('T31 leaves a batch open in which shutdown finds events that were not begun, once the running handler has ended', async () => {
    const { main } = database;
    const queue = await main.queue();
    const [begun, end] = [deferred(), deferred()];
    const seen: number[] = [];
    const first = async ({ data }: StreamEvent): Promise<void> => {
      begun.resolve();
      await end.promise;
      seen.push(data);
    };
    await main.send(queue, '1', '2');
    await main.tick(queue);
    const { app, logger } = await start({ providers: [pgqueConsumer(queue, first)] });
    await begun.promise;
    const closing = app.close();
    await aWhile(50);
    end.resolve();
    await closing;
    expect(seen).toEqual([1]);
    expect(logger.texts('warn')).toEqual([
      expect.stringMatching(/is left before its end, and comes again with the 1 events/),
    ]);
    await start({ providers: [pgqueConsumer(queue, ({ data }) => seen.push(data))] });
    await untilDone(main, queue);
    expect(seen).toEqual([1, 1, 2]);
  });

  it('T31 aborts the signal of a handler that shutdown has waited for, and leaves its batch open', async () => {
    const { main } = database;
    const queue = await main.queue();
    const begun = deferred();
    let why: unknown;
    await main.send(queue, '1');
    await main.tick(queue);
    const handle = async (_event: StreamEvent, { signal }: { signal: AbortSignal }): Promise<void> => {
      begun.resolve();
      await new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => {
          why = signal.reason;
          resolve();
        });
      });
      throw signal.reason;
    };
    const { app } = await start({ providers: [pgqueConsumer(queue, handle, { shutdownTimeout: 20 })] });
    await begun.promise;
    await app.close();
    expect((why as Error).name).toBe('ShutdownError');
    expect(await retries(main, queue)).toEqual([]);
    expect(await isDone(main, queue)).toBe(false);
  });
});
