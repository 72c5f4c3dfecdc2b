import { hasMethods } from './has-methods.js';
import { commitsAtOnce, hasEnded } from './refusals.js';
import { executorOf, type TransactionDriver } from './transaction-driver.interface.js';

interface PgPromise {
  /** Of a task or transaction. */
  readonly ctx?: { readonly inTransaction?: boolean; readonly finish?: unknown };
  any(query: object): Promise<readonly unknown[]>;
}

/** pg-promise's transaction, or a task within one. */
export const pgPromise: TransactionDriver = {
  accepted: `pg-promise's t of db.tx(async (t) => { … })`,
  executor(handle) {
    if (!isPgPromise(handle) || !isInTransaction(handle) || isOver(handle)) return undefined;
    // as an object: the values are sent as parameters, and not written into the SQL
    return executorOf((text, values) => handle.any({ text, values }));
  },
  refusal(handle) {
    if (!isPgPromise(handle)) return undefined;
    if (isInTransaction(handle)) return hasEnded('a pg-promise transaction');
    return commitsAtOnce(kindOf(handle), 'the t of db.tx(async (t) => { … })');
  },
};

function isPgPromise(handle: object): handle is PgPromise {
  return hasMethods(handle, 'any', 'oneOrNone', 'manyOrNone', 'tx');
}

function kindOf(handle: PgPromise): string {
  if (handle.ctx !== undefined) return 'a pg-promise task outside of a transaction';
  return hasMethods(handle, 'done') ? 'a connection of pg-promise' : 'db of pg-promise itself';
}

function isInTransaction({ ctx }: PgPromise): boolean {
  return ctx?.inTransaction === true;
}

function isOver({ ctx }: PgPromise): boolean {
  return ctx?.finish !== undefined;
}
