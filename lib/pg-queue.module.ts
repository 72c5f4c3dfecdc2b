import { Module, type DynamicModule, type Provider } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { HandlerBinder } from './discovery/handler-binder.js';
import { ProcessorExplorer } from './discovery/processor.explorer.js';
import { StreamConsumerExplorer } from './discovery/stream-consumer.explorer.js';
import { PgConnection } from './engine/postgres/connection.js';
import { PostgresPgqueSession } from './engine/pgque/pgque-session.js';
import { PostgresPgqueUpkeepEngine } from './engine/pgque/pgque-upkeep.engine.js';
import { PostgresPgqueEngine } from './engine/pgque/pgque.engine.js';
import { migrationSql, SCHEMA_VERSION } from './engine/postgres/migrations/index.js';
import { Notifier } from './engine/postgres/notifier.js';
import { PostgresJobEngine } from './engine/postgres/postgres-job.engine.js';
import { PostgresListener } from './engine/postgres/postgres-listener.js';
import { PostgresMaintenanceEngine } from './engine/postgres/postgres-maintenance.engine.js';
import { PostgresWorkerEngine } from './engine/postgres/postgres-worker.engine.js';
import { PostgresStreamEngine } from './engine/postgres/streams/postgres-stream.engine.js';
import { QueueIds } from './engine/postgres/queue-ids.js';
import type {
  PgQueueModuleAsyncOptions,
  PgQueueModuleExtras,
  PgQueueModuleOptions,
} from './interfaces/module-options.interface.js';
import type { QueueContract } from './interfaces/queue-contract.interface.js';
import type { RegisterQueueAsyncOptions, RegisterQueueOptions } from './interfaces/register-queue.interface.js';
import type { ResolvedModuleOptions } from './interfaces/resolved-module-options.interface.js';
import { PgQueueCoreModule } from './pg-queue-core.module.js';
import { PgQueueRuntime } from './pg-queue.lifecycle.js';
import { queueAsyncProviders, queueProviders, queueTokens } from './pg-queue.queue-providers.js';
import { PgqueRuntime } from './runtime/pgque/pgque-runtime.js';
import { QueueRuntime } from './runtime/runtime.js';
import { SILENT } from './utils/log.js';
import { isContract } from './utils/queue-contract.js';
import { plainText } from './utils/checks.js';
import { DATABASE, OPENED_DATABASE, PG_QUEUE_OPTIONS } from './utils/tokens.js';
import { CORE_PROVIDERS } from './pg-queue-core.providers.js';
import { coreExports, coreOf, hostOf, ofDatabase } from './pg-queue.databases.js';
import { refuseOptions } from './errors/invalid-options.error.js';

const HOST_PROVIDERS: Provider[] = [
  HandlerBinder,
  ProcessorExplorer,
  StreamConsumerExplorer,
  {
    provide: QueueRuntime,
    useFactory: (
      connection: PgConnection,
      options: ResolvedModuleOptions,
      jobs: PostgresJobEngine,
      queues: QueueIds,
      notifier: Notifier,
      streams: PostgresStreamEngine,
    ) => {
      const log = options.logger === false ? SILENT : options.logger;
      const listener = new PostgresListener(connection, { enabled: options.listen !== false, log });
      return new QueueRuntime({
        engine: new PostgresWorkerEngine(connection, queues, notifier, listener),
        jobs,
        streams,
        maintenance: options.maintenance ? new PostgresMaintenanceEngine(connection) : undefined,
        listener,
        limits: options,
        log,
      });
    },
    inject: [PgConnection, PG_QUEUE_OPTIONS, PostgresJobEngine, QueueIds, Notifier, PostgresStreamEngine],
  },
  {
    provide: PgqueRuntime,
    useFactory: (connection: PgConnection, options: ResolvedModuleOptions) => {
      const log = options.logger === false ? SILENT : options.logger;
      return new PgqueRuntime({
        engine: new PostgresPgqueEngine(connection),
        upkeep: new PostgresPgqueUpkeepEngine(connection),
        session: new PostgresPgqueSession(connection, { listen: options.listen !== false, log }),
        options: options.pgque,
        log,
      });
    },
    inject: [PgConnection, PG_QUEUE_OPTIONS],
  },
];

/**
 * Background jobs on PostgreSQL. Import `forRoot()` once, last in the root module's `imports`: what is imported
 * last stops first, so handlers drain while everything they use is still open.
 */
@Module({})
export class PgQueueModule {
  /** The version of the schema that this package brings. */
  static readonly schemaVersion: number = SCHEMA_VERSION;

  /** @throws InvalidOptionsError at startup for options that cannot be used. */
  static forRoot(options: PgQueueModuleOptions & PgQueueModuleExtras = {}): DynamicModule {
    return host(PgQueueCoreModule.forRoot(options), options);
  }

  /** As `forRoot()`, with options from a factory, a class or an existing provider. */
  static forRootAsync(options: PgQueueModuleAsyncOptions): DynamicModule {
    return host(PgQueueCoreModule.forRootAsync(options), options);
  }

  /**
   * Makes `@InjectQueue(name)` injectable where it is imported, with its job defaults; of a queue with a contract, `@InjectQueue(contract)`
   * too, and whatever this process adds to it is validated. Optional: `QueueService` reaches every queue.
   */
  static registerQueue(...queues: (RegisterQueueOptions | QueueContract)[]): DynamicModule {
    const registered = queues.map((queue) => (isContract(queue) ? { name: queue } : queue));
    return feature(
      registered,
      registered.flatMap((queue) => queueProviders(queue)),
    );
  }

  /** As `registerQueue()`, with options from a factory, a class or an existing provider. */
  static registerQueueAsync(...queues: RegisterQueueAsyncOptions[]): DynamicModule {
    return {
      ...feature(
        queues,
        queues.flatMap((queue) => queueAsyncProviders(queue)),
      ),
      imports: queues.flatMap((queue) => queue.imports ?? []),
    };
  }

  /**
   * The migrations as SQL, for a team's own migration tool (`migrations: 'check'`).
   *
   * @param options.schema default `pgqueue`.
   * @param options.from the version that is there; default 0, nothing.
   */
  static migrationSql(options: { schema?: string; from?: number } = {}): string {
    return migrationSql(options);
  }
}

function host(core: DynamicModule, options: PgQueueModuleExtras | undefined): DynamicModule {
  const database = checkedName(options);
  const which = { provide: DATABASE, useValue: { name: database } };
  return {
    module: PgQueueModule,
    imports: [
      {
        ...core,
        providers: [
          ...(core.providers ?? []),
          which,
          { ...which, provide: OPENED_DATABASE },
          ...coreOf(CORE_PROVIDERS, database),
        ],
        exports: coreExports(database),
      },
      DiscoveryModule,
    ],
    providers: [which, ...hostOf(HOST_PROVIDERS, database)],
    exports: [ofDatabase(PgQueueRuntime, database)],
  };
}

/** @throws InvalidOptionsError */
function checkedName(options: unknown): string | undefined {
  const name: unknown = Reflect.get(Object(options), 'name');
  return name === undefined ? undefined : plainText(name, 'name', refuseOptions('PgQueueModule.forRoot()'));
}

function feature(
  queues: readonly Pick<RegisterQueueOptions, 'name' | 'database'>[],
  providers: Provider[],
): DynamicModule {
  return { module: PgQueueModule, providers, exports: queues.flatMap(queueTokens) };
}
