import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { InvalidOptionsError } from '../../lib/index.js';
import { RecordingLogger, startApplication } from '../support/application.js';
import { testDatabase } from '../support/database.js';
import { hasPgBouncer, type PgBouncer, startPgBouncer } from '../support/pgbouncer.js';
import { ended, newQueue, testApplications } from '../support/running.js';
import { until } from '../support/signals.js';
import { ALL_COMPLETED, everything, runEverything } from './everything.js';

const POOL_SIZE = 3;
const database = testDatabase({ migrated: true });
const start = testApplications(database);
const DEAF = /LISTEN hears nothing here/;

describe.skipIf(!hasPgBouncer)('through PgBouncer with pool_mode=transaction (needs pgbouncer)', () => {
  let bouncer: PgBouncer;
  beforeAll(async () => {
    bouncer = await startPgBouncer(database.url, { poolMode: 'transaction', poolSize: POOL_SIZE });
  });
  afterAll(async () => bouncer?.stop());

  /** Every connection of PgBouncer's to the server: each transaction that is open at the same time has another. */
  async function onEveryServerConnection(sql: string): Promise<Record<string, unknown>[]> {
    const clients = Array.from({ length: POOL_SIZE }, () => new pg.Client({ connectionString: bouncer.url }));
    try {
      for (const client of clients) {
        await client.connect();
        await client.query('begin');
      }
      return (await Promise.all(clients.map((client) => client.query(sql)))).flatMap(({ rows }) => rows);
    } finally {
      await Promise.all(clients.map((client) => client.end()));
    }
  }

  it('everything works, LISTEN is found to be deaf and said so once, and no session keeps anything that matters', async () => {
    const logger = new RecordingLogger();
    const states = await runEverything({
      databaseUrl: database.url,
      start: (providers) => start({ providers, options: { connection: bouncer.url, logger } }),
    });
    expect(states).toEqual(ALL_COMPLETED);
    await until('LISTEN to be found out', () => logger.texts('warn').length > 0);
    expect(logger.texts('warn')).toEqual([expect.stringMatching(DEAF)]);
    // before they were given up: to whom such a connection is lent next, the name says the same
    const prepared = await onEveryServerConnection('select name from pg_prepared_statements');
    expect(prepared).toEqual(prepared.map(() => ({ name: expect.stringMatching(/^pgqueue_/) })));
    expect(prepared.length).toBeGreaterThan(0);
    // what PgBouncer itself carries from client to client
    const carried = `('application_name', 'client_encoding', 'DateStyle', 'TimeZone', 'standard_conforming_strings')`;
    expect(
      await onEveryServerConnection(
        `select name, setting from pg_settings where source = 'session' and name not in ${carried}`,
      ),
    ).toEqual([]);
    expect(await onEveryServerConnection('select pg_listening_channels() as channel')).toEqual([]);
    expect(
      await onEveryServerConnection(`select 1 from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()`),
    ).toEqual([]);
  });

  it('with a direct address to listen at, an idle worker is woken by LISTEN', async () => {
    const logger = new RecordingLogger();
    const listen = { connectionString: database.url, application_name: `${database.schema}-direct` };
    const name = newQueue('bounced');
    await start({ providers: [everything(name, database.url)], options: { connection: bouncer.url, listen, logger } });
    await until('it to listen', async () => {
      const { rowCount } = await database.client.query(
        `select from pg_stat_activity where application_name = $1 and query ilike '%advisory_lock_shared%'`,
        [listen.application_name],
      );
      return rowCount === 1;
    });
    const producer = (await start({ options: { connection: bouncer.url, processing: false } })).queue(name);
    for (let i = 0; i < 3; i++) expect((await ended(producer, await producer.add('plain', i))).returnvalue).toBe(i * 2);
    expect(logger.texts('warn')).toEqual([]);
  });
});

describe.skipIf(!hasPgBouncer)('through PgBouncer with another pool_mode (needs pgbouncer)', () => {
  const closing: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0).toReversed()) await close();
  });
  const through = async (poolMode: 'session' | 'statement'): Promise<PgBouncer> => {
    const bouncer = await startPgBouncer(database.url, { poolMode, poolSize: 10 });
    closing.push(async () => bouncer.stop());
    return bouncer;
  };

  it('session: everything works, LISTEN too', async () => {
    const bouncer = await through('session');
    const logger = new RecordingLogger();
    const name = newQueue('bounced');
    const listen = { connectionString: bouncer.url };
    const options = { connection: { connectionString: bouncer.url, max: 3 }, listen, logger };
    const app = await startApplication(database, { providers: [everything(name, database.url)], options });
    closing.push(async () => app.close());
    const producer = (await start({ options: { processing: false } })).queue(name);
    const job = await producer.add('plain', 4);
    expect((await ended(producer, job)).returnvalue).toBe(8);
    expect(logger.texts('warn')).toEqual([]);
  });

  it.each(['apply', 'check', 'off'] as const)(
    'statement: startup fails and says what to change, with migrations: %s',
    async (migrations) => {
      const bouncer = await through('statement');
      const starting = startApplication(database, { options: { connection: bouncer.url, migrations } });
      await expect(starting).rejects.toThrow(InvalidOptionsError);
      await expect(starting).rejects.toThrow(/pool_mode=statement.*pool_mode=transaction/);
    },
  );
});
