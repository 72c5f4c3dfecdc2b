import type { JobEngine } from '../engine/job-engine.interface.js';
import type { QueueContract } from '../interfaces/queue-contract.interface.js';
import type { TransactionHandle } from '../interfaces/transaction.interface.js';
import type { Fitted } from '../utils/validate.js';
import type { DataLimits } from './job-data.js';
import type { ActiveRun } from './job-source.js';
import { Job } from './job.js';

/** A job as it is being run: what a handler receives. */
export class ActiveJob<Data = any, Result = any, Name extends string = string, Input = Data> extends Job<
  Data,
  Result,
  Name,
  Input
> {
  readonly #run: ActiveRun;

  /** @internal */
  constructor(queueName: string, engine: JobEngine, run: ActiveRun, limits: DataLimits, contract?: QueueContract) {
    super(queueName, engine, run.record, limits, contract);
    this.#run = run;
  }

  /** What the schema of its contract made of the data; without one, as it was stored. The same object at every call. */
  override get data(): Data {
    const { fitted } = this.#run;
    return fitted === undefined ? super.data : (fitted.value as Data);
  }

  /** Aborts on timeout, cancellation, a lost lease and shutdown; its `reason` is the error that says which. */
  get signal(): AbortSignal {
    return this.#run.signal;
  }

  /**
   * Completes the job in the handler's own transaction: its effects and its completion commit together, exactly once.
   *
   * @throws InvalidTransactionError for a handle that is no open transaction.
   * @throws LeaseLostError when the run belongs to another process by now: roll back.
   */
  async completeIn(tx: TransactionHandle, result?: Result): Promise<void> {
    await this.#run.completeIn(tx, result);
  }

  /** @internal */
  protected override async replaceData(stored: string, fitted: Fitted | undefined): Promise<boolean> {
    return this.#run.updateData(stored, fitted);
  }
}
