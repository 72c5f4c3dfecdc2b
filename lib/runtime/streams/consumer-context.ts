import type { StreamContext } from '../../interfaces/stream-context.interface.js';
import type { TransactionHandle } from '../../interfaces/transaction.interface.js';
import type { JobRun } from '../job-run.js';

/** What a handler gets beside its events: of the run that they are. */
export class ConsumerContext implements StreamContext {
  readonly group: string;
  readonly #run: JobRun;

  constructor(group: string, run: JobRun) {
    this.group = group;
    this.#run = run;
  }

  get signal(): AbortSignal {
    return this.#run.signal;
  }

  async commitIn(tx: TransactionHandle): Promise<void> {
    await this.#run.completeIn(tx, undefined);
  }
}
