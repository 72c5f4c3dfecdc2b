import type { ModulesContainer } from '@nestjs/core';
import { refuseOptions } from '../errors/invalid-options.error.js';
import { OPENED_DATABASE } from '../utils/tokens.js';

/** One `forRoot()`'s; at most one has no name. */
export interface Database {
  readonly name: string | undefined;
}

/** Of those that the application opens. */
export function databaseNames(modules: ModulesContainer): (string | undefined)[] {
  return [...modules.values()].flatMap(({ providers }) => {
    const opened = providers.get(OPENED_DATABASE)?.instance as Database | undefined;
    return opened === undefined ? [] : [opened.name];
  });
}

/**
 * Refuses what is to be of a database that there is not: nothing would ever run it.
 *
 * @param label `Class: @Processor()`
 */
export function refuseUnknownDatabase(label: string, database: string | undefined, modules: ModulesContainer): void {
  const names = databaseNames(modules);
  if (names.includes(database)) return;
  const known = names.map((name) => (name === undefined ? 'one without a name' : `'${name}'`)).join(', ');
  const refuse = refuseOptions(label);
  if (database === undefined)
    return refuse('database', `is missing: no forRoot() is without a name, and there are ${known}`);
  return refuse('database', `= '${database}' is no name of a forRoot(); there are: ${known}`);
}
