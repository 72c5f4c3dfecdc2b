import { execFileSync } from 'node:child_process';
import { chownSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { migrationSql } from '../../../lib/engine/postgres/migrations/index.js';
import { until } from '../../support/signals.js';
import { DURABLE, Server, startServer } from './server.js';

/** A primary and a standby that streams from it, both durable. */
export class Cluster {
  readonly primary: Server;
  readonly standby: Server;
  readonly schema: string;
  readonly #clients: pg.Client[] = [];
  #client: pg.Client | undefined;
  #writes: Server;

  private constructor(primary: Server, standby: Server, schema: string) {
    this.primary = primary;
    this.standby = standby;
    this.#writes = primary;
    this.schema = schema;
  }

  static async start(schema: string, { synchronous = false } = {}): Promise<Cluster> {
    const primary = await startServer({ settings: { ...DURABLE, wal_level: 'replica' } });
    await primary.end('fast');
    const home = mkdtempSync(path.join(tmpdir(), 'faults-standby-'));
    rmSync(home, { recursive: true });
    execFileSync('cp', ['-a', primary.home, home]);
    await primary.start();
    const { username, password } = new URL(primary.url);
    const { uid, gid } = statSync(primary.dataDir);
    for (const [name, text] of [
      ['standby.signal', ''],
      [
        'postgresql.auto.conf',
        `primary_conninfo = 'host=127.0.0.1 port=${primary.port} user=${username} password=${password}'\n`,
      ],
    ] as const) {
      const file = path.join(home, 'data', name);
      writeFileSync(file, text);
      chownSync(file, uid, gid);
    }
    const standby = await startServer({ settings: DURABLE, home });
    const cluster = new Cluster(primary, standby, schema);
    await cluster.reconnect();
    await cluster.client.query(migrationSql({ schema }));
    if (synchronous) {
      await cluster.client.query(`alter system set synchronous_standby_names = '*'`);
      await cluster.client.query('select pg_reload_conf()');
    }
    await until('the standby to stream', async () => {
      const { rows } = await cluster.client.query('select sync_state from pg_stat_replication');
      return rows[0]?.sync_state === (synchronous ? 'sync' : 'async');
    });
    return cluster;
  }

  /** One address for both. */
  get url(): string {
    const { username, password } = new URL(this.primary.url);
    return `postgres://${username}:${password}@127.0.0.1:${this.primary.port},127.0.0.1:${this.standby.port}/postgres?target_session_attrs=read-write`;
  }

  /** Whoever writes just now. */
  get client(): pg.Client {
    return this.#client!;
  }

  async connect(url = this.primary.url): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: url });
    client.on('error', () => undefined);
    await client.connect();
    this.#clients.push(client);
    return client;
  }

  /** Looks at the primary, wherever it is now. */
  async reconnect(): Promise<void> {
    this.#client = await this.connect(this.#writes.url);
  }

  /** The standby becomes what the primary was. */
  async promote(): Promise<void> {
    const client = await this.connect(this.standby.url);
    await client.query('select pg_promote()');
    this.#writes = this.standby;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.end().catch(() => undefined)));
    await this.standby.remove();
    await this.primary.remove();
  }
}
