import type { PgqueEngine } from '../../engine/pgque-engine.interface.js';
import { LeaseLostError } from '../../errors/lease-lost.error.js';
import { UnsupportedByPgqueError } from '../../errors/unsupported-by-pgque.error.js';
import type { StreamContext } from '../../interfaces/stream-context.interface.js';
import type { TransactionHandle } from '../../interfaces/transaction.interface.js';
import { toExecutor } from '../../transactions/to-executor.js';

/** What a handler gets beside its events. */
export class PgqueContext implements StreamContext {
  readonly group: string;
  readonly signal: AbortSignal;
  /** Whether its position is in a transaction of the handler's: then what becomes of that decides. */
  committed = false;
  readonly #engine: Pick<PgqueEngine, 'settleIn'>;
  readonly #batchId: string;
  readonly #refusal: string | undefined;

  /** @param refusal why the position cannot be committed with these events; undefined: they are all of the batch. */
  constructor(
    group: string,
    signal: AbortSignal,
    deps: { engine: Pick<PgqueEngine, 'settleIn'>; batchId: string; refusal: string | undefined },
  ) {
    this.group = group;
    this.signal = signal;
    this.#engine = deps.engine;
    this.#batchId = deps.batchId;
    this.#refusal = deps.refusal;
  }

  async commitIn(tx: TransactionHandle): Promise<void> {
    const executor = toExecutor(tx);
    if (this.#refusal !== undefined) throw new UnsupportedByPgqueError(this.#refusal);
    if (!(await this.#engine.settleIn(executor, this.#batchId))) {
      throw new LeaseLostError(`Batch ${this.#batchId} of PgQue has ended: roll back, another process handled it`);
    }
    this.committed = true;
  }
}
