import { NestFactory } from '@nestjs/core';
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { PgConnection } from '../../lib/engine/postgres/connection.js';
import { readHosts } from '../../lib/engine/postgres/read-hosts.js';
import { InvalidOptionsError, PgQueueModule } from '../../lib/index.js';
import { resolveModuleOptions } from '../../lib/pg-queue.options.js';

const refuse = (problem: string): never => {
  throw new Error(problem);
};

/** What `pg` makes of each host's configuration. */
function clientsOf(config: pg.ClientConfig, env: Record<string, string> = {}) {
  return readHosts(config, refuse, env).map((one) => new pg.Client(one));
}
const addresses = (config: pg.ClientConfig, env: Record<string, string> = {}): string[] =>
  clientsOf(config, env).map(({ host, port }) => `${host} ${port}`);
const inUrl = (connectionString: string): string[] => addresses({ connectionString });

describe('several hosts are read', () => {
  it.each([
    ['postgres://u:p@h1:5433,h2:5434/db?target_session_attrs=read-write', ['h1 5433', 'h2 5434']],
    ['postgresql://u:p@h1,h2:5434,h3/db', ['h1 5432', 'h2 5434', 'h3 5432']],
    ['postgres://u:p@[::1]:5433,[fe80::2]/db', ['::1 5433', 'fe80::2 5432']],
    ['postgres://u:p@%2Fvar%2Frun:5433,h2/db', ['/var/run 5433', 'h2 5432']],
    ['postgres:///db?host=h1,h2&port=5433,5434', ['h1 5433', 'h2 5434']],
    ['postgres://u:p@ignored/db?host=h1,h2&port=5433', ['h1 5433', 'h2 5433']],
    ['postgres://u:a,b%40c@h1,h2/db', ['h1 5432', 'h2 5432']],
  ])('in %s', (url, hosts) => {
    expect(inUrl(url)).toEqual(hosts);
  });

  it('in host and port of an object, and in the PG* variables', () => {
    expect(addresses({ host: 'h1,h2', port: '5433,5434' as unknown as number })).toEqual(['h1 5433', 'h2 5434']);
    expect(addresses({ host: 'h1,h2', port: 5433 })).toEqual(['h1 5433', 'h2 5433']);
    expect(addresses({ host: 'h1,h2' }, { PGPORT: '5433,5434' })).toEqual(['h1 5433', 'h2 5434']);
    expect(addresses({}, { PGHOST: 'h1,h2', PGPORT: '5433' })).toEqual(['h1 5433', 'h2 5433']);
    expect(addresses({ connectionString: 'postgres:///db' }, { PGHOST: 'h1,h2' })).toEqual(['h1 5432', 'h2 5432']);
  });

  it('with the rest of the string and of the object for each of them', () => {
    const clients = clientsOf({
      connectionString: 'postgres://me:a%2Fb,c@h1,h2/my%20db?options=-c%20x.y%3D1&target_session_attrs=primary',
      application_name: 'mine',
    });
    for (const { user, password, database, connectionParameters } of clients as any[]) {
      expect([user, password, database]).toEqual(['me', 'a/b,c', 'my db']);
      expect([connectionParameters.options, connectionParameters.application_name]).toEqual(['-c x.y=1', 'mine']);
    }
    expect(clients).toHaveLength(2);
  });

  it('and a single one stays what pg makes of it', () => {
    for (const connectionString of [
      'postgres://u:p@h/db',
      'postgres://u:pa ss@h:5433/db?sslmode=disable',
      '/var/run/postgresql db',
      'socket:/var/run/?db=x',
    ]) {
      expect(readHosts({ connectionString }, refuse, {})).toEqual([{ connectionString }]);
    }
    expect(readHosts({ host: 'h', max: 3 } as pg.PoolConfig, refuse, {})).toEqual([{ host: 'h', max: 3 }]);
  });
});

describe('a connection that cannot be used fails startup, naming the option and never the password', () => {
  const SECRET = 'sEcReT';
  it.each([
    ['connection', { connection: 'just_a_database' }, 'must be a URL'],
    ['connection', { connection: `host=h1,h2 password=${SECRET}` }, 'must be a URL'],
    ['connection', { connection: `postgres://u:${SECRET}/x@h1/db` }, 'percent-encoded'],
    ['connection', { connection: `postgres://u:${SECRET}@h1:1,h2:2,h3:port/db` }, 'a host or port that cannot be read'],
    ['connection', { connection: `postgres://u:${SECRET}@h1,,h2/db` }, 'an empty host'],
    ['connection', { connection: `postgres://u:${SECRET}@h1:70000,h2/db` }, 'a port that is not one'],
    ['connection', { connection: { host: 'h1,h2,h3', port: '1,2' } }, '3 hosts and 2 ports'],
    ['connection', { connection: `postgres://u:${SECRET}@h1,h2/db?target_session_attrs=standby` }, 'takes writes'],
    ['connection', { connection: `postgres://u:${SECRET}@h1,h2/db?target_session_attrs=master` }, 'unknown'],
    ['connection', { connection: `postgres://u:${SECRET}@h1/db?sslrootcert=/no/such/file` }, '/no/such/file'],
    ['listen', { connection: 'postgres://h/db', listen: `postgres://u:${SECRET}@h1:x/db` }, 'cannot be read'],
  ])('%s: %j', async (path, options, problem) => {
    const starting = NestFactory.createApplicationContext(
      PgQueueModule.forRoot({ ...options, logger: false } as object),
      {
        logger: false,
        abortOnError: false,
      },
    );
    const error = await starting.catch((cause: unknown) => cause as InvalidOptionsError);
    expect(error).toBeInstanceOf(InvalidOptionsError);
    expect(error).toMatchObject({ path, message: expect.stringContaining(problem) });
    expect((error as Error).message).not.toContain(SECRET);
  });
});

it("a client's constructor connects nowhere, and goes to the host whose turn it is", () => {
  const connection = new PgConnection(
    resolveModuleOptions({ connection: 'postgres://u:p@h1:1,h2:2/db', logger: false }),
  );
  const [first, second] = [connection.createClient(), connection.createClient()];
  expect([first.host, second.host]).toEqual(['h1', 'h1']);
  first.hostFailed?.();
  second.hostFailed?.();
  const third = connection.createClient();
  expect([third.host, third.port]).toEqual(['h2', 2]);
  third.hostFailed?.();
  expect(connection.createClient().host).toBe('h1');
});
