import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, inject } from 'vitest';
import { type LocalPostgres, startLocalPostgres } from '../../sample/local-postgres.js';
import { migrationSql } from '../../lib/engine/postgres/migrations/index.js';

/** One spec file's own schema on the test server, and a plain connection to look at it with. */
export interface TestDatabase {
  readonly url: string;
  readonly schema: string;
  /** Connected from beforeAll to afterAll. */
  readonly client: pg.Client;
  /** A further connection, closed in afterAll. */
  connect(): Promise<pg.Client>;
}

let files = 0;

export interface TestDatabaseOptions {
  /** The schema is there before the first test. */
  readonly migrated?: boolean;
  /** On a server of its own: snapshots list the transactions of a whole server, other tests' too. */
  readonly alone?: boolean;
}

/** Registers beforeAll and afterAll. */
export function testDatabase({ migrated = false, alone = false }: TestDatabaseOptions = {}): TestDatabase {
  let url = inject('databaseUrl');
  let server: LocalPostgres | undefined;
  const schema = `test_${process.pid}_${++files}_${randomUUID().slice(0, 8)}`;
  const clients: pg.Client[] = [];
  const connect = async (): Promise<pg.Client> => {
    const client = new pg.Client({ connectionString: url });
    // a test may have its connection cut
    client.on('error', () => undefined);
    await client.connect();
    clients.push(client);
    return client;
  };
  let client: pg.Client | undefined;
  beforeAll(async () => {
    if (alone) {
      server = await startLocalPostgres();
      url = server.url;
    }
    client = await connect();
    if (migrated) await client.query(migrationSql({ schema }));
  });
  afterAll(async () => {
    await client?.query(`drop schema if exists ${schema} cascade`);
    await Promise.all(clients.map((one) => one.end()));
    await server?.stop();
  });
  return {
    get url() {
      return url;
    },
    schema,
    connect,
    get client() {
      if (client === undefined) throw new Error('connected in beforeAll only');
      return client;
    },
  };
}
