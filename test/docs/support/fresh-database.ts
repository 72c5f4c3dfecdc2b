import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, inject } from 'vitest';

/** An empty database on the test server, for what uses the default schema; made in beforeAll, dropped in afterAll. */
export function freshDatabase(): { readonly url: string } {
  const server = inject('databaseUrl');
  const name = `docs_${randomUUID().replaceAll('-', '').slice(0, 12)}`;
  const url = new URL(server);
  url.pathname = `/${name}`;
  beforeAll(async () => onServer(server, `create database ${name}`));
  afterAll(async () => onServer(server, `drop database if exists ${name} with (force)`));
  return { url: url.href };
}

async function onServer(connectionString: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  await client.query(statement);
  await client.end();
}
