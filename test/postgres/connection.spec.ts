import { type AddressInfo, createServer } from 'node:net';
import pg from 'pg';
import { afterEach, describe, expect, it } from 'vitest';
import { PgConnection } from '../../lib/engine/postgres/connection.js';
import { Notifier } from '../../lib/engine/postgres/notifier.js';
import { PostgresJobEngine } from '../../lib/engine/postgres/postgres-job.engine.js';
import { QueueIds } from '../../lib/engine/postgres/queue-ids.js';
import { statementName } from '../../lib/engine/postgres/statement.js';
import { DatabaseUnavailableError } from '../../lib/errors/database-unavailable.error.js';
import { resolveModuleOptions } from '../../lib/pg-queue.options.js';
import { RecordingLogger } from '../support/application.js';
import { testDatabase } from '../support/database.js';
import { draft } from '../support/engine.js';
import { faultProxy } from '../support/fault-proxy.js';
import { until } from '../support/signals.js';

const database = testDatabase({ migrated: true });
const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

function connection(options: object): PgConnection {
  const made = new PgConnection(resolveModuleOptions({ schema: database.schema, logger: false, ...options }));
  closing.push(async () => made.close());
  return made;
}

const engineOn = (on: PgConnection): PostgresJobEngine =>
  new PostgresJobEngine(on, new QueueIds(on), new Notifier(on, { alongTransactions: true }));

const PID = 'select pg_backend_pid() as pid';
async function terminate(pid: number): Promise<void> {
  await database.client.query('select pg_terminate_backend($1)', [pid]);
  await until(`backend ${pid} to be gone`, async () => {
    const { rowCount } = await database.client.query('select from pg_stat_activity where pid = $1', [pid]);
    return rowCount === 0;
  });
}
const jobs = async (): Promise<number> =>
  Number((await database.client.query(`select count(*) from ${database.schema}.entry`)).rows[0].count);

/** Lets a client in, and ends it in the same packet, as a server does that is told to just then. */
async function endingServer(): Promise<number> {
  const message = (type: string, body: string): Buffer => {
    const length = Buffer.alloc(4);
    length.writeInt32BE(4 + body.length);
    return Buffer.concat([Buffer.from(type), length, Buffer.from(body)]);
  };
  const ended = message('E', 'SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0');
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end(Buffer.concat([message('R', '\0\0\0\0'), message('Z', 'I'), ended])));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(async () => new Promise((resolve) => server.close(resolve)));
  return (server.address() as AddressInfo).port;
}

describe('a new connection that the server ends as it lets it in', () => {
  it('is an outage, and does not end the process', async () => {
    const port = await endingServer();
    const own = connection({ connection: { host: '127.0.0.1', port }, connectTimeout: 300 });
    // an error event that nobody listens to would be an unhandled error of this run
    await expect(own.query('select')).rejects.toThrow(DatabaseUnavailableError);
  });
});

describe('an idle connection that the server ends', () => {
  it('does not end the process, and the next statement gets another', async () => {
    const logger = new RecordingLogger();
    const own = connection({ connection: database.url, logger });
    await own.start();
    const [first] = await own.query<{ pid: number }>(PID);
    await terminate(first!.pid);
    await until('the pool to notice', () => logger.texts('debug').length > 0);
    const [second] = await own.query<{ pid: number }>(PID);
    expect(second!.pid).not.toBe(first!.pid);
  });

  it('does not end the process when it is of a pool of the application, which is used and never closed', async () => {
    const pool = new pg.Pool({ connectionString: database.url, max: 1 });
    closing.push(async () => pool.end());
    const { rows } = await pool.query<{ pid: number }>(PID);
    const theirs = connection({ pool });
    await theirs.start();
    expect(await theirs.query(PID)).toEqual(rows);
    await terminate(rows[0]!.pid);
    await until('the pool to notice', () => pool.totalCount === 0);
    const [next] = await theirs.query<{ pid: number }>(PID);
    await theirs.close();
    await theirs.close();
    expect(pool.ended).toBe(false);
    expect((await pool.query(PID)).rows).toEqual([next]);
    expect(pool.listenerCount('error')).toBe(0);
  });
});

describe('add() rejects', () => {
  it('within connectTimeout when nothing listens, and says that nothing was committed', async () => {
    const proxy = await faultProxy(database.url);
    await proxy.close();
    const engine = engineOn(connection({ connection: proxy.url, connectTimeout: 300 }));
    const error = await engine.add('q', [draft()]).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(DatabaseUnavailableError);
    expect(error).toMatchObject({ mayHaveCommitted: false, message: expect.stringContaining('ECONNREFUSED') });
  });

  it('within connectTimeout when the server never answers', async () => {
    const proxy = await faultProxy(database.url);
    closing.push(async () => proxy.close());
    proxy.mode = 'blackhole';
    const engine = engineOn(connection({ connection: proxy.url, connectTimeout: 300 }));
    await expect(engine.add('q', [draft()])).rejects.toMatchObject({ mayHaveCommitted: false });
    proxy.reset();
  });

  it('within connectTimeout when every connection of the pool is taken', async () => {
    const pool = new pg.Pool({ connectionString: database.url, max: 1 });
    closing.push(async () => pool.end());
    const taken = await pool.connect();
    const engine = engineOn(connection({ pool, connectTimeout: 100 }));
    await expect(engine.add('q', [draft()])).rejects.toMatchObject({ mayHaveCommitted: false });
    taken.release();
    expect(await engine.add('q', [draft()])).toHaveLength(1);
  });

  it.each(['before it arrives', 'before its answer arrives'])(
    'when the connection breaks %s, says that it may have committed, and sends it once',
    async (when) => {
      const proxy = await faultProxy(database.url);
      closing.push(async () => proxy.close());
      const engine = engineOn(connection({ connection: proxy.url, connectTimeout: 5000 }));
      await engine.add('q', [draft()]);
      const before = await jobs();
      let sent = 0;
      proxy.onSent = (data) => {
        if (!data.includes('cut off')) return true;
        if (++sent > 1 || when !== 'before it arrives') return true;
        proxy.reset();
        return false;
      };
      const blocker = await database.connect();
      await blocker.query(`begin; lock table ${database.schema}.entry_0 in exclusive mode`);
      const adding = engine.add('q', [draft({ data: 'cut off' })]).catch((cause: unknown) => cause);
      await until('the statement to be sent', () => sent > 0);
      if (when !== 'before it arrives') {
        await until('it to wait for the lock', async () => {
          const { rowCount } = await database.client.query(
            `select from pg_locks where not granted and relation = '${database.schema}.entry_0'::regclass`,
          );
          return rowCount === 1;
        });
        proxy.reset();
      }
      expect(await adding).toMatchObject({ code: 'PGQUEUE_DATABASE_UNAVAILABLE', mayHaveCommitted: true });
      expect(sent).toBe(1);
      await blocker.query('rollback');
      // other clients of the pool may have been cut off as well, and not know it yet
      await until('it to add again', async () => engine.add('q', [draft()]).then(Boolean, () => false));
      const added = (await jobs()) - before;
      expect(added).toBeGreaterThanOrEqual(1);
      expect(added).toBeLessThanOrEqual(2);
    },
  );
});

it('an add() that was cancelled is none that was refused: it may have been committed, and be announcing its job', () => {
  const engine = engineOn(connection({ connection: database.url }));
  const failed = (code: string): Error => Object.assign(new Error('failed'), { code });
  expect(engine.isRefusal(failed('22P02'))).toBe(true);
  expect(engine.isRefusal(failed('57014'))).toBe(false);
});

describe('a statement of the hot path', () => {
  const prepared = async (on: PgConnection): Promise<string[]> =>
    (await on.query<{ name: string }>('select name from pg_prepared_statements')).map(({ name }) => name);

  async function onOneClient(): Promise<PgConnection> {
    const pool = new pg.Pool({ connectionString: database.url, max: 1 });
    closing.push(async () => pool.end());
    const own = connection({ pool });
    await own.start();
    return own;
  }

  it('is prepared by each connection once, under a name of its own', async () => {
    const own = await onOneClient();
    const one = { text: 'select $1::int as n' };
    for (const n of [1, 2, 3]) expect(await own.query(one, [n])).toEqual([{ n }]);
    await own.query({ text: 'select 2 as n' });
    expect(await prepared(own)).toEqual([statementName(one.text), statementName('select 2 as n')]);
  });

  it.each([
    ['are forgotten, as behind a pooler', 'deallocate all'],
    ['are there already, as behind a pooler', `prepare ${statementName('select b from two')} as select 1`],
    ['return something else since', 'alter table two alter column a type text'],
  ])('is not prepared any more when those %s, and runs all the same', async (_, sql) => {
    const own = await onOneClient();
    await own.query('create temporary table two (a int, b int)');
    expect(await own.query({ text: 'select a from two' })).toEqual([]);
    await own.query(sql);
    await own.query('insert into two values (1, 2)');
    expect(await own.query({ text: 'select b from two' })).toEqual([{ b: 2 }]);
    expect(await own.query({ text: 'select a::int from two' })).toEqual([{ a: 1 }]);
    expect((await own.query({ text: 'select a from two' })).map((row) => Number((row as { a: unknown }).a))).toEqual([
      1,
    ]);
    await own.query({ text: 'select 3' });
    expect(await prepared(own)).not.toContain(statementName('select 3'));
  });
});

describe('start() works', () => {
  it.each(['default_transaction_isolation = serializable', 'default_transaction_read_only = on'])(
    'on a database with %s, and everything after it',
    async (setting) => {
      const [name, value] = setting.split(' = ') as [string, string];
      const options = `-c ${name}=${value}`;
      const own = connection({ connection: { connectionString: database.url, options } });
      await own.start();
      const engine = engineOn(own);
      const [added] = await engine.add('strict', [draft()]);
      expect(await engine.getJob('strict', added!.id)).toMatchObject({ state: 'waiting' });
      const [{ isolation } = { isolation: '' }] = await own.query<{ isolation: string }>(
        `select current_setting('transaction_isolation') as isolation`,
      );
      expect(isolation).toBe('read committed');
    },
  );

  it('on an empty database, making the schema', async () => {
    const schema = `${database.schema}_new`;
    const own = connection({ connection: database.url, schema });
    await own.start();
    expect(await engineOn(own).add('q', [draft()])).toHaveLength(1);
    await database.client.query(`drop schema ${schema} cascade`);
  });
});

it('after close() every statement is refused as unavailable', async () => {
  const own = connection({ connection: database.url });
  await own.start();
  await Promise.all([own.close(), own.close()]);
  await expect(own.query('select 1')).rejects.toMatchObject({ mayHaveCommitted: false });
});
