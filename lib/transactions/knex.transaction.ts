import { hasMethods } from './has-methods.js';
import { withQuestionMarks } from './question-marks.js';
import { commitsAtOnce, hasEnded } from './refusals.js';
import { executorOf, type TransactionDriver } from './transaction-driver.interface.js';

interface Knex {
  readonly isTransaction?: boolean;
  isCompleted?(): boolean;
  raw(sql: string, bindings: readonly unknown[]): PromiseLike<{ readonly rows: readonly unknown[] }>;
}

/** Knex's transaction: a function, as `knex` itself is. */
export const knex: TransactionDriver = {
  accepted: `Knex's trx of knex.transaction()`,
  executor(handle) {
    if (!isKnex(handle) || handle.isTransaction !== true || handle.isCompleted?.() === true) return undefined;
    return executorOf(async (text, values) => {
      const { sql, bindings } = withQuestionMarks(text, values);
      return (await handle.raw(sql, bindings)).rows;
    });
  },
  refusal(handle) {
    if (!isKnex(handle)) return undefined;
    return handle.isTransaction === true
      ? hasEnded('a Knex transaction')
      : commitsAtOnce('knex itself', 'the trx of knex.transaction(async (trx) => { … })');
  },
};

function isKnex(handle: object): handle is Knex {
  return typeof handle === 'function' && hasMethods(handle, 'raw', 'select', 'transaction');
}
