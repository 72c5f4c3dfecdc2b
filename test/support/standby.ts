import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { type LocalPostgres, startLocalPostgres } from '../../sample/local-postgres.js';
import { until } from './signals.js';

/** A primary and a standby that streams from it. */
export interface StandbyPair {
  readonly primary: LocalPostgres;
  readonly standby: LocalPostgres;
  /** One connection string that names both, in this order. */
  url(first: LocalPostgres, second: LocalPostgres): string;
  /** Resolves when the standby has all that the primary has committed. */
  caughtUp(): Promise<void>;
  /** Stops the primary, and makes the standby one. */
  failOver(): Promise<void>;
  promote(): Promise<void>;
  stop(): Promise<void>;
}

const SETTINGS = { fsync: 'off', hot_standby: 'on', wal_level: 'replica' };

export async function startStandbyPair(): Promise<StandbyPair> {
  const home = mkdtempSync(path.join(tmpdir(), 'standby-pair-'));
  // or the account that PostgreSQL runs under cannot enter it
  chmodSync(home, 0o755);
  const start = async (name: string, port?: number): Promise<LocalPostgres> =>
    startLocalPostgres({ dataDir: path.join(home, name), settings: SETTINGS, ...(port !== undefined && { port }) });
  const seed = await start('primary');
  await seed.stop();
  execFileSync('cp', ['-a', path.join(home, 'primary'), path.join(home, 'standby')]);
  const primary = await start('primary', seed.port);
  const { username, password, hostname } = new URL(primary.url);
  const { uid, gid } = statSync(primary.dataDir);
  const conninfo = `host=${hostname} port=${primary.port} user=${username} password=${password}`;
  for (const [name, text] of [
    ['standby.signal', ''],
    ['postgresql.auto.conf', `primary_conninfo = '${conninfo}'\n`],
  ] as const) {
    const file = path.join(home, 'standby', 'data', name);
    writeFileSync(file, text);
    chownSync(file, uid, gid);
  }
  const standby = await start('standby');
  const running = new Set([primary, standby]);
  const stop = async (one: LocalPostgres): Promise<void> => {
    if (running.delete(one)) await one.stop();
  };
  const pair: StandbyPair = {
    primary,
    standby,
    url: (first, second) => {
      const at = (one: LocalPostgres): string => `${hostname}:${one.port}`;
      return `postgres://${username}:${password}@${at(first)},${at(second)}/postgres?target_session_attrs=read-write`;
    },
    async caughtUp() {
      const lsn = await ask<string>(primary, 'select pg_current_wal_lsn()::text as it');
      await until('the standby to have it all', async () =>
        ask<boolean>(standby, `select pg_last_wal_replay_lsn() >= '${lsn}' as it`),
      );
    },
    async failOver() {
      await stop(primary);
      await pair.promote();
    },
    async promote() {
      await ask(standby, 'select pg_promote() as it');
    },
    async stop() {
      await Promise.all([stop(standby), stop(primary)]);
      rmSync(home, { recursive: true, force: true });
    },
  };
  return pair;
}

async function ask<T = unknown>({ url }: LocalPostgres, sql: string): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows[0].it;
  } finally {
    await client.end();
  }
}
