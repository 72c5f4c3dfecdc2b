import type { JobRecord } from '../engine/job-engine.interface.js';
import type { Fitted } from '../utils/validate.js';
import type { TransactionHandle } from '../interfaces/transaction.interface.js';

/** What a Job reads from: a record of the database, or the like of it. `data` and `result` are JSON text. */
export interface JobSource extends Omit<JobRecord, 'state' | 'key'> {
  /** Whether `add()` found this job instead of adding one. */
  readonly deduplicated?: boolean;
}

/** What an ActiveJob reads from and acts on: one run of a job, as the runtime holds it. */
export interface ActiveRun {
  readonly record: JobSource;
  /** What its handler's contract made of the data; undefined when it has none. */
  readonly fitted: Fitted | undefined;
  /** Made when it is first asked for. */
  readonly signal: AbortSignal;
  completeIn(tx: TransactionHandle, result: unknown): Promise<void>;
  /** JSON text, for the next attempt, and what the contract makes of it; false when the run is over. */
  updateData(data: string, fitted: Fitted | undefined): Promise<boolean>;
}
