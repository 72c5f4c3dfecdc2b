import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import pg from 'pg';

/** PgQ without its C library, which runs on any PostgreSQL; scripts/install-test-servers.sh brings it. */
const PGQ = path.resolve('.build/pgq_pl_only.sql');

export const hasPgque = existsSync(PGQ);

const SHIM = ['tables', 'queues', 'ticks', 'sending', 'dead-letters', 'receiving', 'roles'];

/** A cluster's, and not one database's: several files may install at once. */
const ROLES = `
do $$
begin
  create role pgque_reader;
exception when duplicate_object or unique_violation then null;
end $$;
do $$
begin
  create role pgque_writer;
exception when duplicate_object or unique_violation then null;
end $$;
do $$
begin
  create role pgque_admin in role pgque_reader, pgque_writer;
exception when duplicate_object or unique_violation then null;
end $$;`;

/** PgQ's installer, into the schema and for the roles of PgQue. */
function pgq(): string {
  return readFileSync(PGQ, 'utf8')
    .replaceAll(/\bpgq(?=\b|_(?:reader|writer|admin)\b)/g, 'pgque')
    .replaceAll(/^set /gm, 'set local ');
}

/** Installs the shim into the client's database, if it is not there. */
export async function installPgque(client: pg.Client): Promise<void> {
  await client.query(ROLES);
  await client.query('begin');
  try {
    await client.query(`select pg_advisory_xact_lock(hashtext('install pgque'))`);
    const { rows } = await client.query(`select 1 from pg_namespace where nspname = 'pgque'`);
    if (rows.length === 0) {
      await client.query(pgq());
      for (const name of SHIM) await client.query(readFileSync(new URL(`${name}.sql`, import.meta.url), 'utf8'));
    }
    await client.query('commit');
  } catch (error) {
    await client.query('rollback');
    throw error;
  }
}
