import { Global, Module, type OnApplicationShutdown, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { PgConnection } from './engine/postgres/connection.js';
import { Notifier } from './engine/postgres/notifier.js';
import { QueueIds } from './engine/postgres/queue-ids.js';
import { InvalidOptionsError } from './errors/invalid-options.error.js';
import { CORE_PROVIDERS } from './pg-queue-core.providers.js';
import { ConfigurableModuleClass } from './pg-queue.module-definition.js';
import { JobAppender } from './queue/job-appender.js';
import { QueueRegistry } from './queue/queue.registry.js';
import { QueueService } from './queue/queue.service.js';
import { PostgresJobEngine } from './engine/postgres/postgres-job.engine.js';
import { PostgresStreamEngine } from './engine/postgres/streams/postgres-stream.engine.js';
import { StreamService } from './streams/stream.service.js';
import { StreamTails } from './streams/stream-tails.js';
import { CARRIED_CONTEXT, PG_QUEUE_OPTIONS, STREAM_IDS } from './utils/tokens.js';
import { StreamClient } from './streams/stream-client.js';
import { getStreamClientToken } from './utils/get-stream-client-token.js';

/**
 * Owns the connection and what only needs that: global, so that it opens first and closes last, when the
 * handlers that drain have added their last jobs.
 *
 * - One per application: a second one would be a second pool and a second worker, and is refused before either connects.
 */
@Global()
@Module({
  providers: CORE_PROVIDERS,
  exports: [
    PG_QUEUE_OPTIONS,
    CARRIED_CONTEXT,
    PgConnection,
    QueueIds,
    Notifier,
    PostgresJobEngine,
    JobAppender,
    QueueRegistry,
    QueueService,
    STREAM_IDS,
    PostgresStreamEngine,
    StreamService,
    StreamClient,
    getStreamClientToken('pgque'),
  ],
})
export class PgQueueCoreModule
  extends ConfigurableModuleClass
  implements OnModuleInit, OnModuleDestroy, OnApplicationShutdown
{
  readonly #connection: PgConnection;
  readonly #tails: StreamTails;
  readonly #modules: ModulesContainer;

  constructor(connection: PgConnection, tails: StreamTails, modules: ModulesContainer) {
    super();
    this.#connection = connection;
    this.#tails = tails;
    this.#modules = modules;
  }

  async onModuleInit(): Promise<void> {
    if ([...this.#modules.values()].filter(({ metatype }) => metatype === PgQueueCoreModule).length > 1) {
      throw new InvalidOptionsError(
        'forRoot',
        'PgQueueModule.forRoot() is imported more than once: import it once, in the root module; QueueService is injectable everywhere',
      );
    }
    await this.#connection.start();
  }

  onModuleDestroy(): void {
    // before the HTTP server closes: it waits for its open responses, which may be such tails
    this.#tails.close();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.#connection.close();
  }
}
