import { InvalidTransactionError } from '../errors/invalid-transaction.error.js';
import type { SqlExecutor } from '../interfaces/transaction.interface.js';
import { describeValue } from '../utils/describe-value.js';
import { isPgClient, isPgPool } from './pg.transaction.js';

const ACCEPTED = `accepted: the connected client of 'pg' on which BEGIN was run (a Client, or what pool.connect() gave)`;

/**
 * What runs statements in the caller's transaction.
 *
 * @throws InvalidTransactionError for anything that is not known to run them there: a pool would commit at once.
 */
export function toExecutor(tx: unknown): SqlExecutor {
  if (typeof tx === 'object' && tx !== null) {
    if (isPgClient(tx)) return tx;
    if (isPgPool(tx)) {
      throw new InvalidTransactionError(
        `tx is a pool, which would commit at once, outside of your transaction; ${ACCEPTED}`,
      );
    }
  }
  throw new InvalidTransactionError(`tx is ${describeValue(tx)}; ${ACCEPTED}`);
}
