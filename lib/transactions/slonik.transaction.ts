import { hasMethods } from './has-methods.js';
import { commitsAtOnce } from './refusals.js';
import { executorOf, type TransactionDriver } from './transaction-driver.interface.js';

interface SlonikTransaction {
  query(query: object): Promise<{ readonly rows: readonly unknown[] }>;
}

/**
 * Slonik's transaction: a connection with a transaction's id.
 *
 * - Before version 49 it had none, and looked as any connection does.
 * - Whether it has ended it does not show; Slonik then refuses what is run on it.
 */
export const slonik: TransactionDriver = {
  accepted: `Slonik's transaction of pool.transaction(async (transaction) => { … })`,
  executor(handle) {
    if (!isSlonik(handle) || !isTransaction(handle)) return undefined;
    // without a parser: interceptors that check rows leave these as they are
    return executorOf(async (sql, values) => (await handle.query({ type: 'SLONIK_TOKEN_QUERY', sql, values })).rows);
  },
  refusal(handle) {
    if (!isSlonik(handle)) return undefined;
    const what = hasMethods(handle, 'end')
      ? 'a Slonik pool'
      : 'a Slonik connection (as transactions look before Slonik 49)';
    return commitsAtOnce(what, 'the transaction of pool.transaction(async (transaction) => { … })');
  },
};

function isSlonik(handle: object): handle is SlonikTransaction {
  return hasMethods(handle, 'query', 'transaction', 'anyFirst', 'maybeOneFirst');
}

function isTransaction(handle: object): boolean {
  return typeof Reflect.get(handle, 'transactionId') === 'string';
}
