import { type Handle, hasMethods } from './has-methods.js';
import { commitsAtOnce } from './refusals.js';
import { executorOf, type TransactionDriver } from './transaction-driver.interface.js';

interface Querying {
  query(text: string, values: readonly unknown[]): Promise<unknown>;
}

const MANAGER = 'the EntityManager that dataSource.transaction() gives';

/** TypeORM: an EntityManager or a QueryRunner, each of which knows whether its transaction is open. */
export const typeorm: TransactionDriver = {
  accepted: `TypeORM's EntityManager of dataSource.transaction(), or a QueryRunner after startTransaction()`,
  executor(handle) {
    const runner = isQueryRunner(handle) ? handle : isEntityManager(handle) ? handle.queryRunner : undefined;
    if ((runner as Handle<'isTransactionActive'> | undefined)?.isTransactionActive !== true) return undefined;
    return executorOf((text, values) => (handle as Querying).query(text, values));
  },
  refusal(handle) {
    if (isDataSource(handle)) return commitsAtOnce('a TypeORM DataSource', MANAGER);
    if (isEntityManager(handle)) return commitsAtOnce('a TypeORM EntityManager without an open transaction', MANAGER);
    if (isQueryRunner(handle)) {
      return commitsAtOnce('a TypeORM QueryRunner without an open transaction', 'it after startTransaction()');
    }
    return undefined;
  },
};

function isQueryRunner(handle: object): handle is Handle<'isTransactionActive'> {
  return hasMethods(handle, 'query', 'startTransaction', 'commitTransaction');
}

function isEntityManager(handle: object): handle is Handle<'queryRunner'> {
  return hasMethods(handle, 'query', 'transaction', 'getRepository', 'save') && !isDataSource(handle);
}

function isDataSource(handle: object): boolean {
  return hasMethods(handle, 'query', 'transaction', 'getRepository', 'createQueryRunner');
}
