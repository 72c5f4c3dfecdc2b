import type { JobEngine } from '../engine/job-engine.interface.js';
import type { CarriedValues } from '../interfaces/carried-values.interface.js';
import type { AmbientTransaction } from '../transactions/ambient-transaction.js';
import type { DataLimits } from './job-data.js';
import type { JobAppender } from './job-appender.js';
import type { QueueRegistry } from './queue.registry.js';

/** What every Queue of a module shares. */
export interface QueueContext {
  readonly engine: JobEngine;
  readonly appender: JobAppender;
  readonly registry: QueueRegistry;
  readonly limits: DataLimits;
  readonly ambient: AmbientTransaction;
  /** Where jobs take something along from around `add()`. */
  readonly carried?: { capture(): CarriedValues | undefined } | undefined;
}
