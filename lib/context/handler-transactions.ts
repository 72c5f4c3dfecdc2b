import type { SqlExecutor } from '../interfaces/transaction.interface.js';
import { type JobHandler, type ProcessorDefinition, withHandlers } from '../runtime/processor-definition.js';
import type { AmbientTransaction } from '../transactions/ambient-transaction.js';

export interface HandlerTransactionsDeps {
  readonly ambient: AmbientTransaction;
  /** Runs in a transaction of a client of the pool. */
  transaction<T>(work: (client: SqlExecutor) => Promise<T>): Promise<T>;
}

/**
 * Runs `transactional` handlers in a transaction, in which their job completes as well: the application's own transactions where it
 * has some, otherwise one of the pool's clients, which the handler gets as its second argument.
 *
 * - Effects, jobs that are added, and the completion commit together. A run that was lost meanwhile is refused its completion, and
 *   all of it rolls back.
 */
export class HandlerTransactions {
  readonly #deps: HandlerTransactionsDeps;

  constructor(deps: HandlerTransactionsDeps) {
    this.#deps = deps;
  }

  /** The same processor, whose transactional handlers have their transactions. */
  into(definition: ProcessorDefinition): ProcessorDefinition {
    return withHandlers(definition, (handler) => this.#around(handler));
  }

  #around(handler: JobHandler): JobHandler {
    if (handler.transactional !== true) return handler;
    return {
      ...handler,
      run: async (job, run) => {
        const { ambient } = this.#deps;
        const { host } = ambient;
        const completing = async (tx: () => SqlExecutor, client?: SqlExecutor): Promise<unknown> => {
          const result = await handler.run(job, run, client);
          // unless it did so by itself
          if (!run.completedInTransaction) await job.completeIn(tx(), result);
          return result;
        };
        return host === undefined
          ? this.#deps.transaction((client) => ambient.within(client, async () => completing(() => client, client)))
          : host.withTransaction(async () => completing(() => host.tx as SqlExecutor));
      },
    };
  }
}
