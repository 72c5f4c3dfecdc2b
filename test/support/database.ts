import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, inject } from 'vitest';
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

/** Registers beforeAll and afterAll; with `migrated`, the schema is there before the first test. */
export function testDatabase({ migrated = false } = {}): TestDatabase {
  const url = inject('databaseUrl');
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
    client = await connect();
    if (migrated) await client.query(migrationSql({ schema }));
  });
  afterAll(async () => {
    await client?.query(`drop schema if exists ${schema} cascade`);
    await Promise.all(clients.map((one) => one.end()));
  });
  return {
    url,
    schema,
    connect,
    get client() {
      if (client === undefined) throw new Error('connected in beforeAll only');
      return client;
    },
  };
}
