import net from 'node:net';
import pg from 'pg';
import { afterEach, describe, expect, it } from 'vitest';
import { PgConnection } from '../../lib/engine/postgres/connection.js';
import { DatabaseUnavailableError } from '../../lib/errors/database-unavailable.error.js';
import { QueueService } from '../../lib/index.js';
import { resolveModuleOptions } from '../../lib/pg-queue.options.js';
import { RecordingLogger, startApplication } from '../support/application.js';
import { testDatabase } from '../support/database.js';
import { type FaultProxy, faultProxy } from '../support/fault-proxy.js';
import { ended, newQueue, processor } from '../support/running.js';
import { aWhile, until } from '../support/signals.js';

const database = testDatabase();
const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

function connection(options: object) {
  const logger = new RecordingLogger();
  const made = new PgConnection(resolveModuleOptions({ schema: database.schema, logger, ...options }));
  closing.push(async () => made.close());
  return { connection: made, logger };
}

async function proxied(): Promise<FaultProxy> {
  const proxy = await faultProxy(database.url);
  closing.push(async () => proxy.close());
  return proxy;
}

interface Door {
  readonly url: string;
  /** Connections it has refused. */
  refused: number;
  open: boolean;
}

/** Before the database: it lets in or hangs up, and counts. */
async function doorway({ open }: { open: boolean }): Promise<Door> {
  const target = new URL(database.url);
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    if (!door.open) {
      door.refused++;
      socket.resetAndDestroy();
      return;
    }
    const upstream = net.connect(Number(target.port), target.hostname);
    for (const one of [socket, upstream]) {
      sockets.add(one);
      one.on('error', () => undefined);
    }
    socket.pipe(upstream).pipe(socket);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const through = new URL(database.url);
  through.port = String((server.address() as net.AddressInfo).port);
  let isOpen = open;
  const door: Door = {
    url: through.href,
    refused: 0,
    get open() {
      return isOpen;
    },
    set open(wanted) {
      isOpen = wanted;
      if (!wanted) for (const socket of sockets) socket.destroy();
    },
  };
  closing.push(async () => {
    door.open = false;
    server.close();
  });
  return door;
}

const PID = 'select pg_backend_pid() as pid';
const queries = (on: PgConnection, count: number): Promise<unknown[]> =>
  Promise.all(Array.from({ length: count }, () => on.query(PID)));

describe('a database that is away', () => {
  it('is asked a few times a second whoever waits for it, said once, and all get through when it is back', async () => {
    const refusing = await doorway({ open: false });
    const { connection: own, logger } = connection({ connection: refusing.url });
    const waiting = queries(own, 30);
    await aWhile(5_000);
    // 3 that find it out, and tries after 0.1, 0.2, 0.4, 0.8, 1.6 s and so on, all a little less
    expect(refusing.refused).toBeGreaterThanOrEqual(4);
    expect(refusing.refused).toBeLessThanOrEqual(15);
    expect(logger.texts('warn')).toEqual([expect.stringMatching(/cannot be reached \(.+\): trying on/)]);
    refusing.open = true;
    expect(await waiting).toHaveLength(30);
    expect(logger.texts('warn')).toHaveLength(1);
    expect(logger.texts('log')).toEqual([expect.stringMatching(/reached again after \d+\.\d s/)]);
  });

  it('is asked as seldom when a thousand wait for a client of the pool at the moment it goes', async () => {
    const refusing = await doorway({ open: false });
    const { connection: own } = connection({ connection: refusing.url, connectTimeout: 1_000 });
    const waiting = await Promise.allSettled(Array.from({ length: 1_000 }, () => own.query(PID)));
    expect(waiting.every(({ status }) => status === 'rejected')).toBe(true);
    expect(refusing.refused).toBeLessThanOrEqual(9);
  });

  it('is asked as seldom through a pool of the application', async () => {
    const refusing = await doorway({ open: false });
    const pool = new pg.Pool({ connectionString: refusing.url });
    closing.push(async () => pool.end());
    const { connection: theirs, logger } = connection({ pool, connectTimeout: 1_000 });
    await Promise.allSettled(Array.from({ length: 30 }, () => theirs.query(PID)));
    expect(refusing.refused).toBeLessThanOrEqual(9);
    expect(logger.texts('warn')).toHaveLength(1);
  });

  it('is asked as seldom by an application with many queues and LISTEN, which goes on by itself', async () => {
    const entrance = await doorway({ open: true });
    const logger = new RecordingLogger();
    const names = Array.from({ length: 8 }, (_, i) => newQueue(`away-${i}`));
    const app = await startApplication(database, {
      providers: names.map((name) => processor(name, (job) => job.data, { pollInterval: 50 })),
      options: { connection: entrance.url, logger },
    });
    closing.push(async () => app.close());
    const queues = names.map((name) => app.get(QueueService).queue<number>(name));
    for (const queue of queues) await ended(queue, await queue.add('before', 1));
    entrance.open = false;
    await until('it to be said', () => logger.texts('warn').some((line) => line.includes('cannot be reached')));
    const adding = queues.flatMap((queue) => Array.from({ length: 10 }, (_, i) => queue.add('during', i)));
    await aWhile(4_000);
    // LISTEN may ask once for itself before it is known
    expect(entrance.refused).toBeLessThanOrEqual(15);
    entrance.open = true;
    for (const job of await Promise.all(adding)) await ended(app.get(QueueService).queue(job.queueName), job);
    for (const queue of queues) await ended(queue, await queue.add('after', 1));
    expect(logger.texts('warn').filter((line) => line.includes('cannot be reached'))).toHaveLength(1);
    expect(logger.texts('log').filter((line) => line.includes('reached again'))).toHaveLength(1);
  });

  it('rejects each statement at its own deadline, and is not asked when nobody waits', async () => {
    const refusing = await doorway({ open: false });
    const { connection: own } = connection({ connection: refusing.url, connectTimeout: 300 });
    await expect(own.query(PID)).rejects.toMatchObject({
      code: 'PGQUEUE_DATABASE_UNAVAILABLE',
      mayHaveCommitted: false,
    });
    await until('a try that was under way to end', () => refusing.refused > 0);
    const before = refusing.refused;
    await aWhile(1_000);
    expect(refusing.refused - before).toBeLessThanOrEqual(1);
  });

  it('says the truth to one who cannot log in, at once', async () => {
    const url = new URL(database.url);
    url.password = 'wrong';
    const { connection: own, logger } = connection({ connection: url.href });
    const errors = await Promise.all(Array.from({ length: 5 }, () => own.query(PID).catch((error: unknown) => error)));
    for (const error of errors) expect(error).toMatchObject({ code: '28P01' });
    expect(logger.texts('warn')).toEqual([]);
  });
});

describe('a pool whose clients are all taken', () => {
  it('is no outage: nothing is said', async () => {
    const pool = new pg.Pool({ connectionString: database.url, max: 1, connectionTimeoutMillis: 50 });
    closing.push(async () => pool.end());
    const { connection: theirs, logger } = connection({ pool, connectTimeout: 300 });
    const taken = await pool.connect();
    await expect(theirs.query(PID)).rejects.toThrow(DatabaseUnavailableError);
    const waiting = theirs.query(PID);
    await aWhile(100);
    taken.release();
    expect(await waiting).toHaveLength(1);
    expect(logger.lines).toEqual([]);
  });
});

describe('after connections broke', () => {
  it('the idle ones that died are dropped before anything is sent on them', async () => {
    const proxy = await proxied();
    const { connection: own, logger } = connection({ connection: { connectionString: proxy.url, max: 5 } });
    await queries(own, 5);
    proxy.reset();
    await until('the pool to notice', () => logger.texts('debug').length > 0);
    expect(await queries(own, 10)).toHaveLength(10);
    expect(logger.texts('warn')).toEqual([]);
  });

  it('one that a dead path swallows is asked before it is used again, and replaced', async () => {
    const proxy = await proxied();
    const { connection: own, logger } = connection({ connection: { connectionString: proxy.url, max: 2 } });
    const [[slow], [quick]] = await Promise.all([
      own.query<{ pid: number }>(`${PID}, pg_sleep(0.1)`),
      own.query<{ pid: number }>(PID),
    ]);
    expect(slow!.pid).not.toBe(quick!.pid);
    const sent: string[] = [];
    proxy.onSent = (data) => {
      sent.push(data.toString());
      return sent.length > 1;
    };
    await database.client.query('select pg_terminate_backend($1)', [quick!.pid]);
    await until('the pool to notice', () => logger.texts('debug').length > 0);
    const [next] = await own.query<{ pid: number }>(PID);
    expect([slow!.pid, quick!.pid]).not.toContain(next!.pid);
    expect(sent[0]).toContain('pg_is_in_recovery');
    expect(sent.filter((text) => text.includes(PID))).toHaveLength(1);
    expect(logger.texts('warn')).toEqual([]);
  });
});
