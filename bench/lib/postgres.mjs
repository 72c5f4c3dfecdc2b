import { execFileSync } from 'node:child_process';
import path from 'node:path';
import pg from 'pg';

/** Durable, as a production server is: the launcher's temporary clusters switch fsync off otherwise. */
const DURABLE = {
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  shared_buffers: '512MB',
  max_wal_size: '4GB',
  checkpoint_timeout: '30min',
};

/** The server of DATABASE_URL, or a private one from the binaries that npm brings, with these settings on top. */
export async function startPostgres(settings = {}) {
  const given = process.env.DATABASE_URL;
  if (given) return { url: given, stop: async () => undefined };
  const root = path.resolve(import.meta.dirname, '../..');
  const tsc = path.join(root, 'node_modules/typescript/bin/tsc');
  execFileSync(process.execPath, [tsc, '-p', 'sample'], { cwd: root, stdio: 'inherit' });
  const { startLocalPostgres } = await import('../../.build/sample/sample/local-postgres.js');
  return startLocalPostgres({ settings: { ...DURABLE, ...settings } });
}

export async function connect(url) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return client;
}

/** Clean pages and no checkpoint under way, so that one cell does not pay for another. */
export async function settle(client) {
  await client.query('checkpoint');
}
