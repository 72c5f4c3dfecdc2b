import { InvalidTransactionError } from '../errors/invalid-transaction.error.js';
import type { TransactionExecutor } from '../interfaces/transaction.interface.js';
import { describeValue } from '../utils/describe-value.js';
import { TRANSACTION_DRIVERS } from './transaction-drivers.js';

/**
 * What runs statements in the caller's transaction.
 *
 * @throws InvalidTransactionError for anything that is not known to run them there: a root handle would commit at once.
 */
export function toExecutor(tx: unknown): TransactionExecutor {
  if (!isHandle(tx)) throw unknown(tx);
  for (const driver of TRANSACTION_DRIVERS) {
    const executor = driver.executor(tx);
    if (executor !== undefined) return executor;
  }
  for (const driver of TRANSACTION_DRIVERS) {
    const refusal = driver.refusal(tx);
    if (refusal !== undefined) throw new InvalidTransactionError(`tx is ${refusal}`);
  }
  throw unknown(tx);
}

/** Some are functions. */
function isHandle(tx: unknown): tx is object {
  return (typeof tx === 'object' && tx !== null) || typeof tx === 'function';
}

function unknown(tx: unknown): InvalidTransactionError {
  const accepted = TRANSACTION_DRIVERS.map((driver) => driver.accepted).join('; ');
  return new InvalidTransactionError(`tx is ${describeValue(tx)}; accepted: ${accepted}`);
}
