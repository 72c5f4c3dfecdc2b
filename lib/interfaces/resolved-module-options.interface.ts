import type { LoggerService } from '@nestjs/common';
import type { ClientConfig, Pool, PoolConfig } from 'pg';
import type { ResolvedJobOptions } from '../engine/job-engine.interface.js';
import type { StreamSettings } from '../engine/stream-engine.interface.js';
import type { PgQueueModuleOptions } from './module-options.interface.js';
import type { CarryOptions } from './carry-options.interface.js';
import type { TransactionMode } from './transaction.interface.js';
import type { ResolvedPgqueOptions } from './pgque-options.interface.js';
import type { ResolvedWorkerOptions } from './worker-options.interface.js';

/** `PgQueueModuleOptions`, checked, defaults applied, durations in milliseconds. */
export interface ResolvedModuleOptions {
  /** Neither this nor `pool`: the PG* variables say it, which `pg` reads by itself. */
  readonly connection?: string | PoolConfig;
  readonly pool?: Pool;
  /** `undefined`: as the pool. */
  readonly listen?: string | ClientConfig | false;
  /** Milliseconds. */
  readonly connectTimeout: number;
  readonly notifyInTransaction: boolean;
  readonly schema: string;
  readonly migrations: NonNullable<PgQueueModuleOptions['migrations']>;
  readonly defaultJobOptions: ResolvedJobOptions;
  /** What was said, checked; what was not stays open: `resolveWorkerOptions()` merges these with a processor's own. */
  readonly worker: Partial<ResolvedWorkerOptions>;
  /** By queue: what was said, checked. */
  readonly processors: Readonly<Record<string, Partial<ResolvedWorkerOptions>>>;
  /** By stream: what was said, checked. */
  readonly streams: Readonly<Record<string, StreamSettings & { readonly transaction?: TransactionMode }>>;
  /** The name of the transaction host to follow; undefined: the one without a name. */
  readonly transactionHost?: string | false;
  readonly processing: boolean;
  readonly inheritAppConfig: boolean;
  readonly maintenance: boolean;
  readonly pgque: ResolvedPgqueOptions;
  readonly carry?: CarryOptions;
  readonly maxDataBytes: number;
  readonly maxDataDepth: number;
  readonly logger: LoggerService | false;
}
