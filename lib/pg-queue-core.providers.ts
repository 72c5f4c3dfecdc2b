import type { FactoryProvider } from '@nestjs/common';
import { PgqueBatchEngine } from './engine/pgque/pgque-batch.engine.js';
import { PostgresPgqueEngine } from './engine/pgque/pgque.engine.js';
import { PgConnection } from './engine/postgres/connection.js';
import { Notifier } from './engine/postgres/notifier.js';
import { QueueIds } from './engine/postgres/queue-ids.js';
import { PostgresBatchEngine } from './engine/postgres/streams/postgres-batch.engine.js';
import { PostgresJobEngine } from './engine/postgres/postgres-job.engine.js';
import { PostgresStreamEngine } from './engine/postgres/streams/postgres-stream.engine.js';
import { CarriedContext } from './context/carried-context.js';
import { refuseOptions } from './errors/invalid-options.error.js';
import type { JobEngine } from './engine/job-engine.interface.js';
import type { StreamEngine } from './engine/stream-engine.interface.js';
import type { ResolvedModuleOptions } from './interfaces/resolved-module-options.interface.js';
import { MODULE_OPTIONS_TOKEN } from './pg-queue.module-definition.js';
import { resolveModuleOptions } from './pg-queue.options.js';
import { JobAppender } from './queue/job-appender.js';
import { QueueRegistry } from './queue/queue.registry.js';
import { QueueService } from './queue/queue.service.js';
import { EventAppender } from './streams/event-appender.js';
import { StreamService } from './streams/stream.service.js';
import { StreamTails } from './streams/stream-tails.js';
import { AmbientTransaction } from './transactions/ambient-transaction.js';
import { SILENT } from './utils/log.js';
import { sendToPgque } from './streams/send-to-pgque.js';
import { StreamClient } from './streams/stream-client.js';
import { getStreamClientToken } from './utils/get-stream-client-token.js';
import { AMBIENT_TRANSACTION, CARRIED_CONTEXT, PG_QUEUE_OPTIONS, STREAM_IDS } from './utils/tokens.js';

/** By factory: the classes themselves know nothing of Nest. */
export const CORE_PROVIDERS: readonly FactoryProvider[] = [
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
    provide: StreamClient,
    useFactory: (
      connection: PgConnection,
      ids: QueueIds,
      notifier: Notifier,
      engine: StreamEngine,
      streams: StreamService,
    ) =>
      new StreamClient({
        engine: new PostgresBatchEngine(connection, ids, engine, notifier),
        publish: async (stream, event, options) => streams.publish(stream, event, options),
      }),
    inject: [PgConnection, STREAM_IDS, Notifier, PostgresStreamEngine, StreamService],
  },
  {
    provide: getStreamClientToken('pgque'),
    useFactory: (connection: PgConnection, limits: ResolvedModuleOptions) => {
      const engine = new PostgresPgqueEngine(connection);
      return new StreamClient({
        engine: new PgqueBatchEngine(connection, engine),
        publish: sendToPgque(engine, limits),
      });
    },
    inject: [PgConnection, PG_QUEUE_OPTIONS],
  },
  { provide: JobAppender, useFactory: (engine: JobEngine) => new JobAppender(engine), inject: [PostgresJobEngine] },
  {
    provide: QueueRegistry,
    useFactory: ({ defaultJobOptions }: ResolvedModuleOptions) => new QueueRegistry(defaultJobOptions),
    inject: [PG_QUEUE_OPTIONS],
  },
  { provide: AMBIENT_TRANSACTION, useFactory: () => new AmbientTransaction() },
  {
    provide: CARRIED_CONTEXT,
    useFactory: async (options: ResolvedModuleOptions) =>
      CarriedContext.load(options.carry, options, refuseOptions('PgQueueModule.forRoot()')),
    inject: [PG_QUEUE_OPTIONS],
  },
  {
    provide: QueueService,
    useFactory: (
      engine: JobEngine,
      appender: JobAppender,
      registry: QueueRegistry,
      limits: ResolvedModuleOptions,
      ambient: AmbientTransaction,
      carried: CarriedContext | undefined,
    ) => new QueueService({ engine, appender, registry, limits, ambient, carried }),
    inject: [PostgresJobEngine, JobAppender, QueueRegistry, PG_QUEUE_OPTIONS, AMBIENT_TRANSACTION, CARRIED_CONTEXT],
  },
  {
    provide: STREAM_IDS,
    useFactory: (connection: PgConnection) => new QueueIds(connection, 'stream'),
    inject: [PgConnection],
  },
  {
    provide: PostgresStreamEngine,
    useFactory: (connection: PgConnection, streams: QueueIds, notifier: Notifier) =>
      new PostgresStreamEngine(connection, streams, notifier),
    inject: [PgConnection, STREAM_IDS, Notifier],
  },
  {
    provide: EventAppender,
    useFactory: (engine: StreamEngine) => new EventAppender(engine),
    inject: [PostgresStreamEngine],
  },
  {
    provide: StreamTails,
    useFactory: (engine: StreamEngine, { closing }: PgConnection, { logger }: ResolvedModuleOptions) => {
      const tails = new StreamTails({ engine, log: logger === false ? SILENT : logger });
      // an init that fails runs no shutdown hook: it closes the connection alone
      closing.addEventListener('abort', () => tails.close());
      return tails;
    },
    inject: [PostgresStreamEngine, PgConnection, PG_QUEUE_OPTIONS],
  },
  {
    provide: StreamService,
    useFactory: (
      engine: StreamEngine,
      appender: EventAppender,
      tails: StreamTails,
      options: ResolvedModuleOptions,
      ambient: AmbientTransaction,
    ) =>
      new StreamService({
        engine,
        appender,
        tails,
        limits: options,
        ambient,
        transactionFor: (stream) =>
          (Object.hasOwn(options.streams, stream) ? options.streams[stream]!.transaction : undefined) ?? 'auto',
      }),
    inject: [PostgresStreamEngine, EventAppender, StreamTails, PG_QUEUE_OPTIONS, AMBIENT_TRANSACTION],
  },
];
