import type { ClientBase } from 'pg';
import { SchemaVersionError } from '../../../errors/schema-version.error.js';
import { pause, retryPause } from '../../../utils/pause.js';
import { sqlState } from '../connection-faults.js';
import type { SchemaNames } from '../schema-names.js';
import { migrationStatements, SCHEMA_VERSION } from './index.js';

interface InstalledVersion {
  readonly version: number;
  readonly compatibleFrom: number;
}

async function installedVersion(client: ClientBase, { schema, name }: SchemaNames): Promise<InstalledVersion> {
  // not to_regclass(): after waiting for the lock it may answer from a cache that has not heard of the other's commit
  const { rowCount } = await client.query(
    `select from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where n.nspname = $1 and c.relname = 'schema_version'`,
    [name],
  );
  if (rowCount === 0) {
    return { version: 0, compatibleFrom: 0 };
  }
  const found = await client.query(`select version, compatible_from from ${schema}.schema_version`);
  return { version: found.rows[0]?.version ?? 0, compatibleFrom: found.rows[0]?.compatible_from ?? 0 };
}

/** Whether the schema can be used as it is; throws when it says that this package is too old for it. */
function isUsable({ version, compatibleFrom }: InstalledVersion): boolean {
  if (compatibleFrom > SCHEMA_VERSION) {
    throw new SchemaVersionError(
      `The schema is at version ${version} and needs a package made for ${compatibleFrom} or newer; this one is made for ${SCHEMA_VERSION}. Update nestjs-pgqueue.`,
      version,
      SCHEMA_VERSION,
    );
  }
  return version >= SCHEMA_VERSION;
}

/** Throws unless the schema is one this package can work with: as new as it, or newer and compatible. */
export async function checkSchema(client: ClientBase, names: SchemaNames): Promise<void> {
  const installed = await installedVersion(client, names);
  if (!isUsable(installed)) {
    throw new SchemaVersionError(
      `The schema ${names.schema} is at version ${installed.version}, this package needs ${SCHEMA_VERSION}. Run the SQL of PgQueueModule.migrationSql({ from: ${installed.version} }), or start once with migrations: 'apply'.`,
      installed.version,
      SCHEMA_VERSION,
    );
  }
}

/** How long a migration waits for a lock, with the application's statements queued behind it: ms. */
const LOCK_WITHIN = 2_000;
/** How often it tries again before it fails: half a minute in all, against an application whose transactions are long. */
const TRIES = 12;
const LOCK_NOT_AVAILABLE = '55P03';

/**
 * Brings the schema to this package's version, in one transaction.
 *
 * - Of many processes that start at once one migrates; the others wait for its lock and find the work done.
 * - It waits two seconds at most for a table that a transaction holds, then lets the application go on and tries again.
 * - Needs CREATE on the database while the schema does not exist, and nothing of a superuser.
 */
export async function migrate(client: ClientBase, names: SchemaNames): Promise<void> {
  for (let tries = 0; !isUsable(await installedVersion(client, names)); tries++) {
    await client.query('begin isolation level read committed read write');
    try {
      await migrateOnce(client, names);
      await client.query('commit');
    } catch (error) {
      await client.query('rollback').catch(() => undefined);
      if (sqlState(error) !== LOCK_NOT_AVAILABLE || tries === TRIES) throw error;
      await pause(retryPause(tries));
    }
  }
}

async function migrateOnce(client: ClientBase, names: SchemaNames): Promise<void> {
  await client.query(`select set_config('lock_timeout', '0', true), set_config('statement_timeout', '0', true),
    set_config('idle_in_transaction_session_timeout', '0', true)`);
  await client.query(`select pg_advisory_xact_lock(hashtextextended($1, 0))`, [`pgqueue migration of ${names.schema}`]);
  const installed = await installedVersion(client, names);
  if (isUsable(installed)) return;
  const { rowCount } = await client.query('select from pg_namespace where nspname = $1', [names.name]);
  if (rowCount === 0) await client.query(`create schema ${names.schema}`);
  await client.query(`select set_config('lock_timeout', '${LOCK_WITHIN}', true)`);
  for (const statement of migrationStatements(installed.version, names)) await client.query(statement);
}
