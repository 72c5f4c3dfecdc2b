import { type SchemaNames, schemaNames } from '../schema-names.js';
import { log } from './0001-log.migration.js';
import type { Migration } from './migration.js';

export const MIGRATIONS: readonly Migration[] = [log];

/** The schema version this package is made for. */
export const SCHEMA_VERSION = MIGRATIONS.at(-1)!.version;

/** The statements of one migration, its entry in `schema_version` included. */
export function migrationStatements(migration: Migration, names: SchemaNames): string[] {
  return [
    ...migration.up(names),
    `insert into ${names.schema}.schema_version (version, compatible_from) values (${migration.version}, ${migration.compatibleFrom})
on conflict (only_row) do update set version = excluded.version, compatible_from = excluded.compatible_from, migrated_at = now()`,
  ];
}

/** The migrations after version `from` up to `to` as SQL, to be run in one transaction by a team's own migration tool. */
export function migrationSql(options: { schema?: string; from?: number; to?: number } = {}): string {
  const names = schemaNames(options.schema ?? 'pgqueue');
  const { from = 0, to = SCHEMA_VERSION } = options;
  const statements = MIGRATIONS.filter(({ version }) => version > from && version <= to).flatMap((migration) =>
    migrationStatements(migration, names),
  );
  if (from === 0) {
    statements.unshift(`create schema if not exists ${names.schema}`);
  }
  return statements.map((statement) => `${statement};\n`).join('\n');
}
