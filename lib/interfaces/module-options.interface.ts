import type { ConfigurableModuleAsyncOptions, LoggerService } from '@nestjs/common';
import type { ClientConfig, Pool, PoolConfig } from 'pg';
import type { CarryOptions } from './carry-options.interface.js';
import type { Duration } from './duration.interface.js';
import type { DefaultJobOptions } from './job-options.interface.js';
import type { StreamOptions } from './stream-retention.interface.js';
import type { PgqueOptions } from './pgque-options.interface.js';
import type { WorkerOptions } from './worker-options.interface.js';

/** Options of `PgQueueModule.forRoot()`. An unknown or mistyped one fails startup with `InvalidOptionsError`. */
export interface PgQueueModuleOptions {
  /** A pool the module opens, and closes in `onApplicationShutdown`. Give this or `pool`. Default: `DATABASE_URL`, then the PG* variables; without any of them startup fails and says so. */
  connection?: string | PoolConfig;
  /** A pool of the application's own: used, never closed; an error of its idle clients is handled. */
  pool?: Pool;
  /** Where LISTEN connects (a direct address when the pool goes through PgBouncer). `false`: poll only. Default: as the pool. */
  listen?: string | ClientConfig | false;
  /** Whether an `add()` inside a transaction lets that transaction notify workers when it commits (at most once in 20 ms for a queue and process). Default `true`. `false` for transactions that use PREPARE TRANSACTION, which forbids NOTIFY, or for the last bit of throughput: workers then find such jobs a few ms later. */
  notifyInTransaction?: boolean;
  /** How long startup tries to reach the database before it fails, and an `add()` before it rejects. Default 30s. */
  connectTimeout?: Duration;
  /** Where the tables live. Default `pgqueue`. Every statement names it; nothing depends on `search_path`. */
  schema?: string;
  /** `apply` migrates at startup, `check` fails startup on an outdated schema, `off` does neither. Default `apply`; `check` when NODE_ENV is `production`. */
  migrations?: 'apply' | 'check' | 'off';
  /** Defaults for every queue's jobs; a queue's own, then `add()`'s, win. */
  defaultJobOptions?: DefaultJobOptions;
  /** Defaults for every worker; `@Processor()`'s win. */
  worker?: WorkerOptions;
  /** Per queue, from configuration: wins over the literals in `@Processor()`. A queue without a processor in this process may be named. */
  processors?: Record<string, WorkerOptions>;
  /** Per stream of the module's own: how long it keeps its events. Stored with the stream by each process that starts and says it. */
  streams?: Record<string, StreamOptions>;
  /**
   * Which transactions `add()` and `publish()` join, and transactional handlers run in, where the application has
   * `@nestjs-cls/transactional`: those of the host with this connection name. Default: of the one without a name. `false`: none.
   */
  transactionHost?: string | false;
  /** Whether this process runs handlers. Default `true`; `false` in a producer-only (API) instance. */
  processing?: boolean;
  /**
   * Whether the application's global guards, interceptors, pipes and filters (`APP_*` and `useGlobal*()`) also stand before the
   * handlers of jobs and events, as with `connectMicroservice()`'s option of this name. Default `false`.
   */
  inheritAppConfig?: boolean;
  /**
   * Whether this process, when it runs handlers, takes part in upkeep: recovers the jobs of dead processes, reclaims space. One
   * at a time does it. Default `true`.
   */
  maintenance?: boolean;
  /** For consumers with `engine: 'pgque'`. */
  pgque?: PgqueOptions;
  /** What of the context around `add()` is around the handler: keys of `nestjs-cls`, stores of `AsyncLocalStorage`. Default: nothing. */
  carry?: CarryOptions;
  /** Bytes of a job's data or result as UTF-8 JSON. Default 1 MiB. */
  maxDataBytes?: number;
  /** Levels of nesting in a job's data or result. Default 100. */
  maxDataDepth?: number;
  /** Default: Nest's Logger. `false`: silent. */
  logger?: LoggerService | false;
}

/** What a `useClass` or `useExisting` of `forRootAsync()` implements. */
export interface PgQueueOptionsFactory {
  createPgQueueOptions(): PgQueueModuleOptions | Promise<PgQueueModuleOptions>;
}

export interface PgQueueModuleExtras {
  /**
   * Names this database where the application has several: what is to be of it says so, as `@Processor({ name, database })` and
   * `@InjectQueue(queue, database)` do. At most one is without a name. Two of the same name fail startup.
   */
  name?: string;
}

export type PgQueueModuleAsyncOptions = ConfigurableModuleAsyncOptions<PgQueueModuleOptions, 'createPgQueueOptions'> &
  PgQueueModuleExtras;
