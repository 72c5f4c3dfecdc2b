import { beforeAll, describe, expect, it } from 'vitest';
import { RecordingLogger } from '../support/application.js';
import { type TestDatabase, testDatabase } from '../support/database.js';
import { newQueue, ended, testApplications } from '../support/running.js';
import { aWhile, until } from '../support/signals.js';
import { ALL_COMPLETED, everything, runEverything } from './everything.js';

const server = testDatabase({ alone: true });
const role = 'application_role';

/** For one who is no superuser; the schema is his. */
const database = {
  schema: server.schema,
  get url() {
    const url = new URL(server.url);
    url.username = role;
    url.password = 'secret';
    return url.href;
  },
} as TestDatabase;
const start = testApplications(database);

async function alterRole(setting: string): Promise<void> {
  await server.client.query(`alter role ${role} reset all`);
  await server.client.query(`alter role ${role} set ${setting}`);
}

async function endSessions(): Promise<void> {
  const { rows } = await server.client.query(
    `select pid, pg_terminate_backend(pid) from pg_stat_activity where usename = $1`,
    [role],
  );
  const pids = rows.map(({ pid }) => pid);
  await until('its sessions to be gone', async () => {
    const { rowCount } = await server.client.query('select from pg_stat_activity where pid = any($1)', [pids]);
    return rowCount === 0;
  });
}

beforeAll(async () => {
  await server.client.query(`create role ${role} login password 'secret'`);
  await server.client.query(`grant create on database postgres to ${role}`);
});

const SETTINGS = [
  'statement_timeout = 200',
  'statement_timeout = 1000',
  'lock_timeout = 100',
  'idle_in_transaction_session_timeout = 500',
  'idle_session_timeout = 300',
  `default_transaction_isolation = 'serializable'`,
  `default_transaction_isolation = 'repeatable read'`,
  'default_transaction_read_only = on',
  `search_path = ''`,
];

describe('an application runs everything to its end when its role has', () => {
  it.each(SETTINGS)('%s', async (setting) => {
    await alterRole(setting);
    const states = await runEverything({ databaseUrl: database.url, start: (providers) => start({ providers }) });
    expect(states).toEqual(ALL_COMPLETED);
  });
});

describe('an application goes on when its role is given, while it runs,', () => {
  it.each([`default_transaction_isolation = 'serializable'`, 'default_transaction_read_only = on'])(
    '%s',
    async (setting) => {
      await server.client.query(`alter role ${role} reset all`);
      const name = newQueue();
      const { queue } = await start({ providers: [everything(name, database.url)] });
      const jobs = queue(name);
      expect((await ended(jobs, await jobs.add('plain', 1))).returnvalue).toBe(2);
      await alterRole(setting);
      await endSessions();
      for (let i = 0; i < 5; i++) expect((await ended(jobs, await jobs.add('plain', i))).returnvalue).toBe(i * 2);
    },
  );
});

it("the LISTEN connection stays, however short the role's patience with idle sessions", async () => {
  await alterRole('idle_session_timeout = 200');
  await server.client.query(`alter role ${role} set statement_timeout = 200`);
  const listen = { connectionString: database.url, application_name: 'listens' };
  const logger = new RecordingLogger();
  const name = newQueue();
  const { queue } = await start({ providers: [everything(name, database.url)], options: { listen, logger } });
  const session = async (): Promise<number | undefined> => {
    const { rows } = await server.client.query(
      `select pid from pg_stat_activity where application_name = $1 and query ilike '%advisory_lock_shared%'`,
      [listen.application_name],
    );
    return rows[0]?.pid;
  };
  await until('it to listen', async () => (await session()) !== undefined);
  const pid = await session();
  await aWhile(1_000);
  expect(await session()).toBe(pid);
  expect((await ended(queue(name), await queue(name).add('plain', 1))).returnvalue).toBe(2);
  expect(logger.texts('warn')).toEqual([]);
});
