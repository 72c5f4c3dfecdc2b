import { hasMethods } from './has-methods.js';
import { knex } from './knex.transaction.js';
import { kysely } from './kysely.transaction.js';
import { commitsAtOnce, hasEnded } from './refusals.js';
import type { TransactionDriver } from './transaction-driver.interface.js';

interface MikroOrm {
  getTransactionContext(): object | undefined;
}

const ENTITY_MANAGER = 'the em of em.transactional(async (em) => { … }), or em after em.begin()';

/**
 * MikroORM's EntityManager in a transaction. That is one of Kysely's, and before version 7 one of Knex's: it is what runs the
 * statement, since `em.getConnection().execute()` would write a user's data into its SQL.
 */
export const mikroOrm: TransactionDriver = {
  accepted: `MikroORM's em of em.transactional(async (em) => { … }), or after em.begin()`,
  executor(handle) {
    const context = contextOf(handle);
    return context && (kysely.executor(context) ?? knex.executor(context));
  },
  refusal(handle) {
    if (!isEntityManager(handle)) return undefined;
    return contextOf(handle) === undefined
      ? commitsAtOnce('a MikroORM EntityManager without an open transaction', ENTITY_MANAGER)
      : hasEnded('a MikroORM EntityManager with a transaction');
  },
};

function isEntityManager(handle: object): handle is MikroOrm {
  return hasMethods(handle, 'getTransactionContext', 'getConnection', 'transactional');
}

function contextOf(handle: object): object | undefined {
  return isEntityManager(handle) ? handle.getTransactionContext() : undefined;
}
