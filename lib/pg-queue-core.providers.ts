import type { Provider } from '@nestjs/common';
import { PgConnection } from './engine/postgres/connection.js';
import { Notifier } from './engine/postgres/notifier.js';
import { QueueIds } from './engine/postgres/queue-ids.js';
import { PostgresStreamEngine } from './engine/postgres/streams/postgres-stream.engine.js';
import { PostgresJobEngine } from './engine/postgres/postgres-job.engine.js';
import type { JobEngine } from './engine/job-engine.interface.js';
import type { ResolvedModuleOptions } from './interfaces/resolved-module-options.interface.js';
import { MODULE_OPTIONS_TOKEN } from './pg-queue.module-definition.js';
import { resolveModuleOptions } from './pg-queue.options.js';
import { JobAppender } from './queue/job-appender.js';
import { QueueRegistry } from './queue/queue.registry.js';
import { QueueService } from './queue/queue.service.js';
import { PG_QUEUE_OPTIONS } from './utils/tokens.js';

/** By factory: the classes themselves know nothing of Nest. */
export const CORE_PROVIDERS: Provider[] = [
  {
    provide: PG_QUEUE_OPTIONS,
    useFactory: (written: unknown) => resolveModuleOptions(written),
    inject: [MODULE_OPTIONS_TOKEN],
  },
  {
    provide: PgConnection,
    useFactory: (options: ResolvedModuleOptions) => new PgConnection(options),
    inject: [PG_QUEUE_OPTIONS],
  },
  { provide: QueueIds, useFactory: (connection: PgConnection) => new QueueIds(connection), inject: [PgConnection] },
  {
    provide: Notifier,
    useFactory: (connection: PgConnection, { notifyInTransaction }: ResolvedModuleOptions) =>
      new Notifier(connection, { alongTransactions: notifyInTransaction }),
    inject: [PgConnection, PG_QUEUE_OPTIONS],
  },
  {
    provide: PostgresJobEngine,
    useFactory: (connection: PgConnection, queues: QueueIds, notifier: Notifier) =>
      new PostgresJobEngine(connection, queues, notifier),
    inject: [PgConnection, QueueIds, Notifier],
  },
  {
    provide: PostgresStreamEngine,
    useFactory: (connection: PgConnection, notifier: Notifier) =>
      new PostgresStreamEngine(connection, new QueueIds(connection, 'stream'), notifier),
    inject: [PgConnection, Notifier],
  },
  { provide: JobAppender, useFactory: (engine: JobEngine) => new JobAppender(engine), inject: [PostgresJobEngine] },
  {
    provide: QueueRegistry,
    useFactory: ({ defaultJobOptions }: ResolvedModuleOptions) => new QueueRegistry(defaultJobOptions),
    inject: [PG_QUEUE_OPTIONS],
  },
  {
    provide: QueueService,
    useFactory: (engine: JobEngine, appender: JobAppender, registry: QueueRegistry, limits: ResolvedModuleOptions) =>
      new QueueService({ engine, appender, registry, limits }),
    inject: [PostgresJobEngine, JobAppender, QueueRegistry, PG_QUEUE_OPTIONS],
  },
];
