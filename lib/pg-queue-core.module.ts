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
import { InvalidOptionsError } from './errors/invalid-options.error.js';
import { ConfigurableModuleClass } from './pg-queue.module-definition.js';
import type { ResolvedModuleOptions } from './interfaces/resolved-module-options.interface.js';
import { AmbientTransaction } from './transactions/ambient-transaction.js';
import { type TransactionHost, transactionHostToken } from './transactions/transaction-host.js';
import { StreamTails } from './streams/stream-tails.js';
import { type Database, databaseNames } from './discovery/databases.js';
import { AMBIENT_TRANSACTION, DATABASE, PG_QUEUE_OPTIONS } from './utils/tokens.js';

/**
 * Owns the connection and what only needs that: global, so that it opens first and closes last, when the
 * handlers that drain have added their last jobs.
 *
 * - One per database: a second one of a name would be a second pool and a second worker, and is refused before either connects.
 * - What it provides and exports, under which tokens, goes by the database's name: pg-queue.databases.ts says how.
 */
@Global()
@Module({})
export class PgQueueCoreModule
  extends ConfigurableModuleClass
  implements OnModuleInit, OnModuleDestroy, OnApplicationShutdown
{
  readonly #connection: PgConnection;
  readonly #tails: StreamTails;
  readonly #modules: ModulesContainer;
  readonly #moduleRef: ModuleRef;
  readonly #ambient: AmbientTransaction;
  readonly #database: string | undefined;
  readonly #hostName: string | false | undefined;

  constructor(
    connection: PgConnection,
    tails: StreamTails,
    modules: ModulesContainer,
    moduleRef: ModuleRef,
    @Inject(AMBIENT_TRANSACTION) ambient: AmbientTransaction,
    @Inject(DATABASE) { name }: Database,
    @Inject(PG_QUEUE_OPTIONS) { transactionHost }: Pick<ResolvedModuleOptions, 'transactionHost'>,
  ) {
    super();
    this.#connection = connection;
    this.#tails = tails;
    this.#modules = modules;
    this.#moduleRef = moduleRef;
    this.#ambient = ambient;
    this.#database = name;
    this.#hostName = transactionHost;
  }

  async onModuleInit(): Promise<void> {
    if (databaseNames(this.#modules).filter((name) => name === this.#database).length > 1) {
      const which = this.#database === undefined ? '' : ` with name: '${this.#database}'`;
      throw new InvalidOptionsError(
        'forRoot',
        `PgQueueModule.forRoot()${which} is imported more than once: import it once, in the root module; QueueService is injectable everywhere. For another database give it another name`,
      );
    }
    this.#ambient.follow(await this.#transactionHost());
    await this.#connection.start();
  }

  /** @throws InvalidOptionsError for one that is named and not there. */
  async #transactionHost(): Promise<TransactionHost | undefined> {
    if (this.#hostName === false) return undefined;
    // of another database than the one without a name, by that one's
    const name = this.#hostName ?? this.#database;
    const token = await transactionHostToken(name);
    const host = token === undefined ? undefined : this.#find(token);
    if (host === undefined && this.#hostName !== undefined) {
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
