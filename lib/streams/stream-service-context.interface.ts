import type { TransactionMode } from '../interfaces/transaction.interface.js';
import type { AmbientTransaction } from '../transactions/ambient-transaction.js';
import type { StreamEngine } from '../engine/stream-engine.interface.js';
import type { DataLimits } from '../utils/json-inspection.js';
import type { EventAppender } from './event-appender.js';
import type { StreamTails } from './stream-tails.js';

/** What StreamService works with. */
export interface StreamServiceContext {
  readonly engine: StreamEngine;
  readonly appender: EventAppender;
  readonly tails: StreamTails;
  readonly limits: DataLimits;
  readonly ambient: AmbientTransaction;
  transactionFor(stream: string): TransactionMode;
}
