import { InvalidTransactionError } from '../errors/invalid-transaction.error.js';
import type { SqlExecutor } from '../interfaces/transaction.interface.js';
import { hasMethods } from './has-methods.js';
import { commitsAtOnce } from './refusals.js';
import type { TransactionDriver } from './transaction-driver.interface.js';

interface PgClient extends SqlExecutor {
  /** `I`: none is open. Of newer versions, and not of native clients. */
  getTransactionStatus?(): string | null;
}

const CLIENT = `the connected client of 'pg' on which BEGIN was run (a Client, or what pool.connect() gave)`;

/**
 * A `pg` client or a pool's checked-out client, also the native or an instrumented one.
 *
 * A pool has no `escapeIdentifier()`; a TypeORM QueryRunner, which has `query()` and `release()` too, has none either.
 */
export const pg: TransactionDriver = {
  accepted: CLIENT,
  executor(handle) {
    if (!isPgClient(handle)) return undefined;
    return isIdle(handle) ? onceBegun(handle) : handle;
  },
  refusal(handle) {
    return isPgPool(handle) ? commitsAtOnce(`a pool of 'pg'`, CLIENT) : undefined;
  },
};

function isPgClient(handle: object): handle is PgClient {
  return hasMethods(handle, 'query', 'escapeIdentifier', 'escapeLiteral') && !isPgPool(handle);
}

/** A pool runs each statement on any of its clients. */
export function isPgPool(handle: object): boolean {
  const counts = ['totalCount', 'idleCount'].map((name) => Reflect.get(handle, name) as unknown);
  return hasMethods(handle, 'query', 'connect') && !counts.includes(undefined);
}

/** Whether a client says that no transaction is open on it. */
export function isIdle(client: object): boolean {
  return hasMethods(client, 'getTransactionStatus') && (client as PgClient).getTransactionStatus!() === 'I';
}

/** A BEGIN that was not awaited may be on its way: it has been answered when what is sent after it is. */
function onceBegun(client: PgClient): SqlExecutor {
  return {
    async query(text, values) {
      if (isIdle(client)) await client.query('');
      if (isIdle(client)) {
        throw new InvalidTransactionError(
          `tx is ${commitsAtOnce(`a client of 'pg' on which no transaction is open`, 'it after BEGIN')}`,
        );
      }
      return client.query(text, values) as unknown;
    },
  };
}
