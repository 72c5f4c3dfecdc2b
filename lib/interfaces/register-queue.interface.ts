import type { ConfigurableModuleAsyncOptions } from '@nestjs/common';
import type { DefaultJobOptions } from './job-options.interface.js';

/** A queue whose `@InjectQueue(name)` becomes injectable. */
export interface RegisterQueueOptions {
  name: string;
  /** Win over the module's; `add()`'s win over these. Registering a queue twice with different ones fails startup. */
  defaultJobOptions?: DefaultJobOptions;
}

/** What a `registerQueueAsync()` factory returns. */
export type QueueOptions = Omit<RegisterQueueOptions, 'name'>;

/** What a `useClass` or `useExisting` of `registerQueueAsync()` implements. */
export interface QueueOptionsFactory {
  createQueueOptions(): QueueOptions | Promise<QueueOptions>;
}

export interface RegisterQueueAsyncOptions extends ConfigurableModuleAsyncOptions<QueueOptions, 'createQueueOptions'> {
  name: string;
}
