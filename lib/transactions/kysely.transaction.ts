import { hasMethods } from './has-methods.js';
import { commitsAtOnce, hasEnded } from './refusals.js';
import { executorOf, type TransactionDriver } from './transaction-driver.interface.js';

interface Kysely {
  readonly isTransaction: boolean;
  /** Of one that startTransaction() began. */
  readonly isCommitted?: boolean;
  readonly isRolledBack?: boolean;
  executeQuery(query: object): Promise<{ readonly rows: readonly unknown[] }>;
}

/**
 * Kysely's transaction, also one that `startTransaction()` began.
 *
 * - What a callback was given does not show whether it has ended; Kysely then refuses what is run on it.
 */
export const kysely: TransactionDriver = {
  accepted: `Kysely's trx of db.transaction().execute(async (trx) => { … }), or of startTransaction()`,
  executor(handle) {
    if (!isKysely(handle) || !handle.isTransaction || isOver(handle)) return undefined;
    return executorOf(async (text, values) => (await handle.executeQuery(compiled(text, values))).rows);
  },
  refusal(handle) {
    if (!isKysely(handle)) return undefined;
    return handle.isTransaction
      ? hasEnded('a Kysely transaction')
      : commitsAtOnce('a Kysely database', 'the trx of db.transaction().execute(async (trx) => { … })');
  },
};

function isKysely(handle: object): handle is Kysely {
  return hasMethods(handle, 'executeQuery', 'getExecutor', 'selectFrom');
}

function isOver({ isCommitted, isRolledBack }: Kysely): boolean {
  return isCommitted === true || isRolledBack === true;
}

/** A CompiledQuery. Its node is what plugins look at, and its id an object of its own, by which they know it. */
function compiled(sql: string, parameters: readonly unknown[]): object {
  const query = { kind: 'RawNode', sqlFragments: [sql], parameters: [] };
  return { sql, parameters, query, queryId: { queryId: 'pgqueue' } };
}
