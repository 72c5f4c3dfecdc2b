import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';
import type { PgQueueModuleOptions } from '../../../lib/index.js';
import { quoteIdentifier } from '../../../lib/utils/quote-identifier.js';
import { installPgque, hasPgque } from '../../pgque/shim/install-pgque.js';
import { PgqueSession } from '../../pgque/shim/pgque-database.js';
import { until } from '../../support/signals.js';
import type { DriverDatabase } from './driver.js';

/** A name in which each library finds something that looks like a placeholder of its own. */
export const NASTY_SCHEMA = `we?rd $1 $x $$ :n "q" '?' %s`;

/** Where the contract runs. */
export interface Place extends DriverDatabase {
  /** With PgQue in it. */
  readonly pgque: PgqueSession | undefined;
  /** What an application needs to run there, beside address and schema. */
  readonly options: PgQueueModuleOptions;
  close(): Promise<void>;
}

/** A database of its own on the test server. */
export async function serverDatabase(): Promise<Place> {
  const name = `drivers_${randomUUID().replaceAll('-', '').slice(0, 12)}`;
  const server = new pg.Client({ connectionString: inject('databaseUrl') });
  await server.connect();
  await server.query(`create database ${name} template template0`);
  const url = new URL(inject('databaseUrl'));
  url.pathname = `/${name}`;
  const client = new pg.Client({ connectionString: url.href });
  client.on('error', () => undefined);
  await client.connect();
  if (hasPgque) await installPgque(client);
  return {
    url: url.href,
    schema: NASTY_SCHEMA,
    quoted: quoteIdentifier(NASTY_SCHEMA),
    query: async (text, values) => (await client.query(text, values)).rows,
    pgque: hasPgque ? new PgqueSession(client) : undefined,
    options: { pgque: { ticker: false } },
    async close() {
      await client.end();
      // what ends a pool does not wait for the server, and a connection that is cut meanwhile has nobody who hears of it
      await until('all connections to be closed', async () => {
        const open = `select from pg_stat_activity where datname = $1 and backend_type = 'client backend'`;
        const { rows } = await server.query(open, [name]);
        return rows.length === 0;
      });
      await server.query(`drop database ${name}`);
      await server.end();
    },
  };
}
