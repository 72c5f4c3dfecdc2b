import { hasMethods } from './has-methods.js';
import { commitsAtOnce } from './refusals.js';
import { executorOf, type TransactionDriver } from './transaction-driver.interface.js';

interface PostgresJsTransaction {
  unsafe(text: string, values: readonly unknown[]): PromiseLike<readonly unknown[]>;
}

/**
 * The `sql` that postgres.js gives to the callback of `sql.begin()`: a function, which knows savepoints.
 *
 * - Whether it has ended nobody can tell: what is not awaited before the callback returns may commit on its own.
 */
export const postgresJs: TransactionDriver = {
  accepted: `postgres.js's sql of sql.begin(async (sql) => { … })`,
  executor(handle) {
    if (!isPostgresJs(handle) || !hasMethods(handle, 'savepoint')) return undefined;
    return executorOf((text, values) => handle.unsafe(text, values));
  },
  refusal(handle) {
    if (!isPostgresJs(handle)) return undefined;
    const what = hasMethods(handle, 'release') ? 'a reserved connection of postgres.js' : 'sql of postgres.js itself';
    return commitsAtOnce(what, 'the sql of sql.begin(async (sql) => { … })');
  },
};

function isPostgresJs(handle: object): handle is PostgresJsTransaction {
  return typeof handle === 'function' && hasMethods(handle, 'unsafe', 'typed', 'json');
}
