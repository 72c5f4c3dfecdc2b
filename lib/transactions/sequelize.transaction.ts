import { hasMethods } from './has-methods.js';
import { commitsAtOnce, hasEnded } from './refusals.js';
import { executorOf, type TransactionDriver } from './transaction-driver.interface.js';

interface SequelizeTransaction {
  /** How it has ended. */
  readonly finished?: string;
  readonly sequelize: { query(text: string, options: object): Promise<readonly unknown[]> };
}

/** Sequelize's transaction, in which its instance runs the statement. */
export const sequelize: TransactionDriver = {
  accepted: `Sequelize's t of sequelize.transaction()`,
  executor(handle) {
    if (!isTransaction(handle) || handle.finished !== undefined) return undefined;
    return executorOf((text, bind) =>
      handle.sequelize.query(withoutPlaceholdersInNames(text), {
        bind,
        transaction: handle,
        type: 'SELECT',
        raw: true,
      }),
    );
  },
  refusal(handle) {
    if (isTransaction(handle)) return hasEnded('a Sequelize transaction');
    return hasMethods(handle, 'query', 'transaction', 'authenticate', 'define')
      ? commitsAtOnce('a Sequelize instance', 't of sequelize.transaction(async (t) => { … })')
      : undefined;
  },
};

function isTransaction(handle: object): handle is SequelizeTransaction {
  const instance: unknown = Reflect.get(handle, 'sequelize');
  return (
    hasMethods(handle, 'commit', 'rollback') &&
    typeof instance === 'object' &&
    instance !== null &&
    hasMethods(instance, 'query', 'transaction')
  );
}

/** Sequelize looks for `$1` and `$name` everywhere, and reads `$$` as `$`. */
function withoutPlaceholdersInNames(text: string): string {
  return text.replaceAll(/"(?:[^"]|"")*"/g, (name) => name.replaceAll(/\B\$(?=[$\w])/g, '$$$$'));
}
