import type { SqlExecutor } from '../interfaces/transaction.interface.js';
import { hasMethods } from './has-methods.js';
import { commitsAtOnce, hasEnded } from './refusals.js';
import type { TransactionDriver } from './transaction-driver.interface.js';

/** PGlite's transaction, of a PostgreSQL inside the process, which has a single session. */
export const pglite: TransactionDriver = {
  accepted: `PGlite's tx of pglite.transaction(async (tx) => { … })`,
  executor(handle) {
    if (!isTransaction(handle) || isOver(handle)) return undefined;
    return { query: async (text, values) => handle.query(text, values), isOnlySession: true };
  },
  refusal(handle) {
    if (isTransaction(handle)) return hasEnded('a PGlite transaction');
    return hasMethods(handle, 'query', 'exec', 'transaction', 'runExclusive')
      ? commitsAtOnce('a PGlite database', 'the tx of pglite.transaction(async (tx) => { … })')
      : undefined;
  },
};

function isTransaction(handle: object): handle is SqlExecutor {
  return hasMethods(handle, 'query', 'exec', 'rollback') && typeof Reflect.get(handle, 'closed') === 'boolean';
}

function isOver(handle: object): boolean {
  return Reflect.get(handle, 'closed') === true;
}
