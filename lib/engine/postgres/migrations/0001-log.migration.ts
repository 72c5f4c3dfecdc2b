import { tables } from './0001-log.tables.js';
import type { Migration } from './migration.js';

/** The log: entries, leases, results, delayed jobs. */
export const log: Migration = {
  version: 1,
  name: 'log',
  compatibleFrom: 1,
  up: (names) => [
    `create table ${names.schema}.schema_version (
  only_row boolean primary key default true check (only_row),
  version int not null,
  compatible_from int not null,
  migrated_at timestamptz not null default now()
)`,
    ...tables(names),
  ],
};
