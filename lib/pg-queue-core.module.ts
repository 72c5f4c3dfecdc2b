import {
  Global,
  Inject,
  Module,
  type OnApplicationShutdown,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import { ModuleRef, ModulesContainer } from '@nestjs/core';
import { PgConnection } from './engine/postgres/connection.js';
import { Notifier } from './engine/postgres/notifier.js';
import { QueueIds } from './engine/postgres/queue-ids.js';
import { InvalidOptionsError } from './errors/invalid-options.error.js';
import { CORE_PROVIDERS } from './pg-queue-core.providers.js';
import { ConfigurableModuleClass } from './pg-queue.module-definition.js';
import { JobAppender } from './queue/job-appender.js';
import { QueueRegistry } from './queue/queue.registry.js';
import type { ResolvedModuleOptions } from './interfaces/resolved-module-options.interface.js';
import { AmbientTransaction } from './transactions/ambient-transaction.js';
import { type TransactionHost, transactionHostToken } from './transactions/transaction-host.js';
import { QueueService } from './queue/queue.service.js';
import { PostgresJobEngine } from './engine/postgres/postgres-job.engine.js';
import { PostgresStreamEngine } from './engine/postgres/streams/postgres-stream.engine.js';
import { StreamService } from './streams/stream.service.js';
import { StreamTails } from './streams/stream-tails.js';
import { AMBIENT_TRANSACTION, CARRIED_CONTEXT, PG_QUEUE_OPTIONS, STREAM_IDS } from './utils/tokens.js';
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
    AMBIENT_TRANSACTION,
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
  readonly #moduleRef: ModuleRef;
  readonly #ambient: AmbientTransaction;
  readonly #hostName: string | false | undefined;

  constructor(
    connection: PgConnection,
    tails: StreamTails,
    modules: ModulesContainer,
    moduleRef: ModuleRef,
    @Inject(AMBIENT_TRANSACTION) ambient: AmbientTransaction,
    @Inject(PG_QUEUE_OPTIONS) { transactionHost }: Pick<ResolvedModuleOptions, 'transactionHost'>,
  ) {
    super();
    this.#connection = connection;
    this.#tails = tails;
    this.#modules = modules;
    this.#moduleRef = moduleRef;
    this.#ambient = ambient;
    this.#hostName = transactionHost;
  }

  async onModuleInit(): Promise<void> {
    if ([...this.#modules.values()].filter(({ metatype }) => metatype === PgQueueCoreModule).length > 1) {
      throw new InvalidOptionsError(
        'forRoot',
        'PgQueueModule.forRoot() is imported more than once: import it once, in the root module; QueueService is injectable everywhere',
      );
    }
    this.#ambient.follow(await this.#transactionHost());
    await this.#connection.start();
  }

  /** @throws InvalidOptionsError for one that is named and not there. */
  async #transactionHost(): Promise<TransactionHost | undefined> {
    const name = this.#hostName;
    if (name === false) return undefined;
    const token = await transactionHostToken(name);
    const host = token === undefined ? undefined : this.#find(token);
    if (host === undefined && name !== undefined) {
      throw new InvalidOptionsError(
        'transactionHost',
        `PgQueueModule.forRoot(): transactionHost = '${name}' is no connection name of a ClsPluginTransactional in this application`,
      );
    }
    return host;
  }

  #find(token: string | symbol | Function): TransactionHost | undefined {
    try {
      return this.#moduleRef.get<TransactionHost>(token, { strict: false });
    } catch {
      return undefined;
    }
  }

  onModuleDestroy(): void {
    // before the HTTP server closes: it waits for its open responses, which may be such tails
    this.#tails.close();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.#connection.close();
  }
}
