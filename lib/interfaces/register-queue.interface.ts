import type { ConfigurableModuleAsyncOptions } from '@nestjs/common';
import type { Duration } from './duration.interface.js';
import type { TransactionMode } from './transaction.interface.js';
import type { DefaultJobOptions } from './job-options.interface.js';
import type { QueueContract } from './queue-contract.interface.js';

/** Finished jobs stay at least `age`, or less where there are more than about `count` of them. They go by segments of the log, so both are approximate. */
export interface KeepJobs {
  age?: Duration;
  count?: number;
}

/** A queue whose `@InjectQueue(name)` becomes injectable. */
export interface RegisterQueueOptions {
  /** By its contract: what this process adds to it is validated, and `@InjectQueue(contract)` is injectable as well. */
  name: string | QueueContract;
  /** Of which `forRoot({ name })` it is. Default: of the one without a name. */
  database?: string;
  /** Win over the module's; `add()`'s win over these. Registering a queue twice with different ones fails startup. */
  defaultJobOptions?: DefaultJobOptions;
  /** How long finished jobs stay: completed ones an hour by default, failed (dead) ones 14 days. */
  retention?: { completed?: KeepJobs; failed?: KeepJobs };
  /**
   * Whether `add()` joins the transaction that is open around it, of a transactional handler or of `@nestjs-cls/transactional`.
   * Default `auto`: if there is one; `required` throws outside of one.
   */
  transaction?: TransactionMode;
}

/** What a `registerQueueAsync()` factory returns. */
export type QueueOptions = Omit<RegisterQueueOptions, 'name' | 'database'>;

/** What a `useClass` or `useExisting` of `registerQueueAsync()` implements. */
export interface QueueOptionsFactory {
  createQueueOptions(): QueueOptions | Promise<QueueOptions>;
}

export interface RegisterQueueAsyncOptions extends ConfigurableModuleAsyncOptions<QueueOptions, 'createQueueOptions'> {
  name: string | QueueContract;
  /** Of which `forRoot({ name })` it is. Default: of the one without a name. */
  database?: string;
}
