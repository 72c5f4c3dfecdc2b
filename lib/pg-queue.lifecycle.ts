import {
  Inject,
  Injectable,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import type { CarriedContext } from './context/carried-context.js';
import { HandlerTransactions } from './context/handler-transactions.js';
import { refuseSmallPool } from './context/refuse-small-pool.js';
import { ProcessorExplorer } from './discovery/processor.explorer.js';
import { StreamConsumerExplorer } from './discovery/stream-consumer.explorer.js';
import { PgConnection } from './engine/postgres/connection.js';
import type { JobControlEngine } from './engine/job-control-engine.interface.js';
import { PostgresJobEngine } from './engine/postgres/postgres-job.engine.js';
import { PostgresStatsEngine } from './engine/postgres/postgres-stats.engine.js';
import { PostgresStreamEngine } from './engine/postgres/streams/postgres-stream.engine.js';
import type { StatsEngine } from './engine/stats-engine.interface.js';
import type { StreamEngine } from './engine/stream-engine.interface.js';
import type { PgQueueStats } from './interfaces/stats.interface.js';
import { QueueRegistry } from './queue/queue.registry.js';
import type { ResolvedModuleOptions } from './interfaces/resolved-module-options.interface.js';
import type { ProcessorDefinition } from './runtime/processor-definition.js';
import type { StreamConsumerDefinition } from './runtime/streams/stream-consumer-definition.js';
import type { AmbientTransaction } from './transactions/ambient-transaction.js';
import { PgqueRuntime } from './runtime/pgque/pgque-runtime.js';
import { QueueRuntime } from './runtime/runtime.js';
import { AMBIENT_TRANSACTION, CARRIED_CONTEXT, PG_QUEUE_OPTIONS } from './utils/tokens.js';

/**
 * What runs the handlers, on Nest's lifecycle: looks at the processors in `onModuleInit`, starts in
 * `onApplicationBootstrap` unless `processing` is false, drains in `onModuleDestroy`. Scripts and tests may drive it.
 *
 * - `start()` and `stop()` may be called in any order and any number of times; the last one called decides.
 * - Hosted in a module that is not global: it drains while the application's own global modules are still open.
 */
@Injectable()
export class PgQueueRuntime implements OnModuleInit, OnApplicationBootstrap, OnModuleDestroy {
  readonly #explorer: ProcessorExplorer;
  readonly #consumerExplorer: StreamConsumerExplorer;
  readonly #connection: PgConnection;
  readonly #runtime: QueueRuntime;
  readonly #pgque: PgqueRuntime;
  readonly #processing: boolean;
  readonly #streams: StreamEngine;
  readonly #streamSettings: ResolvedModuleOptions['streams'];
  readonly #stats: StatsEngine;
  readonly #jobs: JobControlEngine;
  readonly #registry: QueueRegistry;
  readonly #carried: CarriedContext | undefined;
  readonly #ambient: AmbientTransaction;
  #definitions: readonly ProcessorDefinition[] = [];
  #consumers: readonly StreamConsumerDefinition[] = [];
  #running = false;
  #turn: Promise<void> = Promise.resolve();

  constructor(
    explorer: ProcessorExplorer,
    consumerExplorer: StreamConsumerExplorer,
    connection: PgConnection,
    runtime: QueueRuntime,
    pgque: PgqueRuntime,
    jobs: PostgresJobEngine,
    registry: QueueRegistry,
    streamEngine: PostgresStreamEngine,
    @Inject(AMBIENT_TRANSACTION) ambient: AmbientTransaction,
    @Inject(CARRIED_CONTEXT) carried: CarriedContext | undefined,
    @Inject(PG_QUEUE_OPTIONS) { processing, streams }: Pick<ResolvedModuleOptions, 'processing' | 'streams'>,
  ) {
    this.#explorer = explorer;
    this.#consumerExplorer = consumerExplorer;
    this.#connection = connection;
    this.#runtime = runtime;
    this.#pgque = pgque;
    this.#carried = carried;
    this.#ambient = ambient;
    this.#processing = processing;
    this.#stats = new PostgresStatsEngine(connection);
    this.#jobs = jobs;
    this.#registry = registry;
    this.#streams = streamEngine;
    this.#streamSettings = streams;
  }

  /** Whether workers run, or are being started. */
  get running(): boolean {
    return this.#running;
  }

  async onModuleInit(): Promise<void> {
    await this.#orClose(async () => {
      const found = this.#explorer.explore();
      if (this.#processing && this.#ambient.host === undefined) refuseSmallPool(found, this.#connection.poolSize);
      const transactions = new HandlerTransactions({
        ambient: this.#ambient,
        transaction: async (work) => this.#connection.longTransaction(work),
      });
      this.#definitions = found.map((one) => transactions.into(one)).map((one) => this.#carried?.into(one) ?? one);
      this.#consumers = this.#consumerExplorer.explore();
    });
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.#orClose(async () => {
      for (const [queue, retention] of this.#registry.retentions) await this.#jobs.setRetention(queue, retention);
      for (const [stream, { transaction: _, ...settings }] of Object.entries(this.#streamSettings)) {
        await this.#streams.configure(stream, settings);
      }
      if (this.#processing) await this.start();
    });
  }

  async onModuleDestroy(): Promise<void> {
    await this.stop();
  }

  /** Starts the workers; resolves when they take jobs. */
  async start(): Promise<void> {
    this.#running = true;
    await this.#next(async () => {
      try {
        const onPgque = this.#consumers.filter(({ options }) => options.engine === 'pgque');
        const own = this.#consumers.filter(({ options }) => options.engine === 'pgqueue');
        await this.#pgque.start(onPgque);
        await this.#runtime.start([...this.#definitions], own);
      } catch (error) {
        this.#running = false;
        // the one may run that the other keeps from being started
        await this.#pgque.stop();
        throw error;
      }
    });
  }

  /** Takes no more jobs, drains, and resolves when all is quiet. */
  async stop(): Promise<void> {
    this.#running = false;
    await this.#next(async () => {
      await Promise.all([this.#runtime.stop(), this.#pgque.stop()]);
    });
  }

  /** What an operator needs to see: queues, processes, and what holds back reclaiming. A few queries; cheap enough for every few seconds. */
  async stats(): Promise<PgQueueStats> {
    return this.#stats.stats();
  }

  /** A failed init runs no shutdown hook, and the core has connected by now. */
  async #orClose(step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (error) {
      // what brought us here is the error to show
      await this.stop().catch(() => undefined);
      await this.#connection.close();
      throw error;
    }
  }

  /** One after the other: a stop() during a start() waits until there is something to stop. */
  async #next(step: () => Promise<void>): Promise<void> {
    const turn = this.#turn.then(step);
    this.#turn = turn.catch(() => undefined);
    await turn;
  }
}
