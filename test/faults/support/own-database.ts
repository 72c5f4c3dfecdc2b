import { appendFileSync } from 'node:fs';
import path from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll } from 'vitest';
import { migrationSql } from '../../../lib/engine/postgres/migrations/index.js';
import type { TestDatabase } from '../../support/database.js';
import { DURABLE, type Server, type Settings, startServer } from './server.js';

export interface OwnDatabase extends TestDatabase {
  readonly server: Server;
  reconnect(): Promise<void>;
}

export interface OwnDatabaseOptions {
  readonly settings?: Settings;
  /** Lines of pg_hba.conf, in front of its own. */
  readonly hba?: readonly string[];
  /** Before the server starts; what it returns is done when the server is gone. */
  readonly before?: () => (() => void) | void;
}

/** A server of one spec's own, which it may break. Registers beforeAll and afterAll. */
export function ownDatabase({ settings = {}, hba = [], before }: OwnDatabaseOptions = {}): OwnDatabase {
  const schema = `faults_${process.pid}`;
  const clients: pg.Client[] = [];
  let server: Server | undefined;
  let client: pg.Client | undefined;
  let after: (() => void) | void;
  const connect = async (): Promise<pg.Client> => {
    const one = new pg.Client({ connectionString: server!.url });
    one.on('error', () => undefined);
    await one.connect();
    clients.push(one);
    return one;
  };
  beforeAll(async () => {
    after = before?.();
    server = await startServer({ settings: { ...DURABLE, ...settings } });
    if (hba.length > 0) appendFileSync(path.join(server.dataDir, 'pg_hba.conf'), `${hba.join('\n')}\n`);
    client = await connect();
    if (hba.length > 0) await client.query('select pg_reload_conf()');
    await client.query(migrationSql({ schema }));
  });
  afterAll(async () => {
    await Promise.all(clients.map((one) => one.end().catch(() => undefined)));
    await server?.remove();
    after?.();
  });
  return {
    schema,
    connect,
    async reconnect() {
      client = await connect();
    },
    get url() {
      return server!.url;
    },
    get server() {
      return server!;
    },
    get client() {
      return client!;
    },
  };
}
