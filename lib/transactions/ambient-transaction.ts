import { AsyncLocalStorage } from 'node:async_hooks';
import { InvalidTransactionError } from '../errors/invalid-transaction.error.js';
import type { TransactionExecutor, TransactionMode } from '../interfaces/transaction.interface.js';
import { serverError } from '../utils/server-error.js';
import { toExecutor } from './to-executor.js';
import type { TransactionHost } from './transaction-host.js';

/** SQLSTATEs of a database that does not have the schema: undefined function, schema, table. */
const NOT_HERE = new Set(['42883', '3F000', '42P01']);

interface HandlersOwn {
  readonly executor: TransactionExecutor;
  ended: boolean;
}

/**
 * The transaction that is open around a call: a transactional handler's, or that of `@Transactional()`.
 *
 * - What is given as `tx` wins.
 * - One that has ended is refused, not passed over: what a handler leaves running would be written outside of it.
 */
export class AmbientTransaction {
  readonly #handlers = new AsyncLocalStorage<HandlersOwn>();
  #host: TransactionHost | undefined;

  /** The application's own transactions; undefined: it has none. */
  get host(): TransactionHost | undefined {
    return this.#host;
  }

  follow(host: TransactionHost | undefined): void {
    this.#host = host;
  }

  /** Runs a handler in a transaction that is its own: what it adds joins it. */
  async within<T>(executor: TransactionExecutor, work: () => Promise<T>): Promise<T> {
    const own: HandlersOwn = { executor, ended: false };
    try {
      return await this.#handlers.run(own, work);
    } finally {
      own.ended = true;
    }
  }

  /**
   * Where a call is to write: in `tx`, or in what is open around it; undefined: in a transaction of its own.
   *
   * @param what for messages: `queue 'email'`
   * @throws InvalidTransactionError
   */
  executorFor(tx: unknown, mode: TransactionMode, what: string): TransactionExecutor | undefined {
    if (tx !== undefined) return toExecutor(tx);
    if (mode === 'never') return undefined;
    const open = this.#openAround(what);
    if (open === undefined && mode === 'required') {
      throw new InvalidTransactionError(
        `There is no transaction around this, and ${what} requires one (transaction: 'required'): give tx, or call it inside @Transactional()`,
      );
    }
    return open;
  }

  #openAround(what: string): TransactionExecutor | undefined {
    const own = this.#handlers.getStore();
    if (own?.ended === true) {
      throw new InvalidTransactionError(
        `The handler's transaction around this has ended: await what a transactional handler does, or say transaction: 'never' for ${what}`,
      );
    }
    if (own !== undefined) return own.executor;
    if (this.#host?.isTransactionActive() !== true) return undefined;
    return elsewhereSaid(joined(this.#host.tx, what), what);
  }
}

/** What to say to those whose transactions are not meant. */
const remedy = (what: string): string =>
  `say transaction: 'never' for ${what}, or which transactions are meant with forRoot({ transactionHost })`;

/** Of an application whose transactions are MongoDB's, say, none can be joined. */
function joined(tx: unknown, what: string): TransactionExecutor {
  try {
    return toExecutor(tx);
  } catch (cause) {
    throw new InvalidTransactionError(
      `The transaction around this cannot be joined: ${(cause as Error).message}. If that is as it should be, ${remedy(what)}`,
      { cause },
    );
  }
}

/** The transaction may well be another database's: that is said, in place of a function that does not exist. */
function elsewhereSaid(executor: TransactionExecutor, what: string): TransactionExecutor {
  return {
    ...(executor.isOnlySession !== undefined && { isOnlySession: executor.isOnlySession }),
    async query(text, values) {
      try {
        return await executor.query(text, values);
      } catch (error) {
        if (!NOT_HERE.has(serverError(error)?.code ?? '')) throw error;
        throw new InvalidTransactionError(
          `The transaction around this is on a database without this schema: ${remedy(what)}`,
          { cause: error },
        );
      }
    },
  };
}
