import { hasMethods } from './has-methods.js';
import { isIdle } from './pg.transaction.js';
import { commitsAtOnce, hasEnded } from './refusals.js';
import { executorOf, type TransactionDriver } from './transaction-driver.interface.js';

interface DrizzleTransaction {
  readonly session: object;
  execute(query: object): PromiseLike<Rows | { readonly rows: Rows }>;
}
type Rows = readonly unknown[];

/**
 * Drizzle's transaction, whatever driver is below: a database that can roll back.
 *
 * - With `pg` below it shows whether it has ended; with postgres.js it does not, as that does not.
 */
export const drizzle: TransactionDriver = {
  accepted: `Drizzle's tx of db.transaction(async (tx) => { … })`,
  executor(handle) {
    if (!isDrizzle(handle) || !isTransaction(handle) || isOver(handle)) return undefined;
    return executorOf(async (text, values) => {
      const result = await handle.execute(new Statement(text, values));
      // each driver's own result
      return 'rows' in result ? result.rows : result;
    });
  },
  refusal(handle) {
    if (!isDrizzle(handle)) return undefined;
    return isTransaction(handle)
      ? hasEnded('a Drizzle transaction')
      : commitsAtOnce('a Drizzle database', 'the tx of db.transaction(async (tx) => { … })');
  },
};

/** What Drizzle takes for SQL of its own making. */
class Statement {
  readonly #query: object;

  constructor(sql: string, params: readonly unknown[]) {
    this.#query = { sql, params };
  }

  getSQL(): this {
    return this;
  }

  toQuery(): object {
    return this.#query;
  }
}

function isDrizzle(handle: object): handle is DrizzleTransaction {
  const session: unknown = Reflect.get(handle, 'session');
  return (
    hasMethods(handle, 'execute', 'select', 'insert', 'transaction') && typeof session === 'object' && session !== null
  );
}

function isTransaction(handle: object): boolean {
  return hasMethods(handle, 'rollback');
}

/** Its client was given back to the pool: a statement would commit at once. */
function isOver({ session }: DrizzleTransaction): boolean {
  const client: unknown = Reflect.get(session, 'client');
  return typeof client === 'object' && client !== null && isIdle(client);
}
