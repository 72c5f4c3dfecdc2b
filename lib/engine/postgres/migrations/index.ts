import { functions } from '../functions/index.js';
import { type SchemaNames, schemaNames } from '../schema-names.js';
import { views } from '../views/index.js';
import { log } from './0001-log.migration.js';
import { reclaiming } from './0002-reclaiming.migration.js';
import { streams } from './0003-streams.migration.js';
import { LOCK_ORDER, type Migration } from './migration.js';

export const MIGRATIONS: readonly Migration[] = [log, reclaiming, streams];

/** The schema version this package is made for. */
export const SCHEMA_VERSION = MIGRATIONS.at(-1)!.version;

/**
 * What brings a schema from a version to this package's: the tables step by step, then the functions and the views, which
 * belong to the package and are replaced as a whole.
 */
export function migrationStatements(from: number, names: SchemaNames): string[] {
  const missing = MIGRATIONS.filter(({ version }) => version > from);
  const last = missing.at(-1);
  if (last === undefined) return [];
  const changes = new Set(missing.flatMap((migration) => migration.changes ?? []));
  const locked = LOCK_ORDER.filter((name) => changes.has(name)).map((name) => `${names.schema}.${name}`);
  return [
    // all locks first: an application at work waits for them once, and not for long
    ...(from > 0 && locked.length > 0 ? [`lock table ${locked.join(', ')} in access exclusive mode`] : []),
    ...missing.flatMap((migration) => migration.up(names)),
    ...functions(names),
    ...views(names),
    `insert into ${names.schema}.schema_version (version, compatible_from) values (${last.version}, ${last.compatibleFrom})
on conflict (only_row) do update set version = excluded.version, compatible_from = excluded.compatible_from, migrated_at = now()`,
  ];
}

/** The migrations after version `from` as SQL, to be run in one transaction by a team's own migration tool. */
export function migrationSql(options: { schema?: string; from?: number } = {}): string {
  const names = schemaNames(options.schema ?? 'pgqueue');
  const { from = 0 } = options;
  const statements = migrationStatements(from, names);
  if (from === 0) statements.unshift(`create schema if not exists ${names.schema}`);
  return statements.map((statement) => `${statement};\n`).join('\n');
}
