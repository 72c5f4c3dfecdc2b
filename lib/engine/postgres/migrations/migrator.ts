import type { ClientBase } from 'pg';
import { SchemaVersionError } from '../../../errors/schema-version.error.js';
import type { SchemaNames } from '../schema-names.js';
import { MIGRATIONS, migrationStatements, SCHEMA_VERSION } from './index.js';

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

/**
 * Brings the schema to this package's version, in one transaction.
 *
 * - Of many processes that start at once one migrates; the others wait for its lock and find the work done.
 * - Needs CREATE on the database while the schema does not exist, and nothing of a superuser.
 */
export async function migrate(client: ClientBase, names: SchemaNames): Promise<void> {
  if (isUsable(await installedVersion(client, names))) {
    return;
  }
  await client.query('begin isolation level read committed read write');
  try {
    await client.query(`select set_config('lock_timeout', '0', true), set_config('statement_timeout', '0', true)`);
    await client.query(`select pg_advisory_xact_lock(hashtextextended($1, 0))`, [
      `pgqueue migration of ${names.schema}`,
    ]);
    const installed = await installedVersion(client, names);
    if (!isUsable(installed)) {
      const { rowCount } = await client.query('select from pg_namespace where nspname = $1', [names.name]);
      if (rowCount === 0) {
        await client.query(`create schema ${names.schema}`);
      }
      for (const migration of MIGRATIONS.filter(({ version }) => version > installed.version)) {
        for (const statement of migrationStatements(migration, names)) {
          await client.query(statement);
        }
      }
    }
    await client.query('commit');
  } catch (error) {
    await client.query('rollback').catch(() => undefined);
    throw error;
  }
}
