import pg from 'pg';
import type { ClientConfig, Pool, PoolClient, PoolConfig, QueryResultRow } from 'pg';
import { DatabaseUnavailableError } from '../../errors/database-unavailable.error.js';
import type { ResolvedModuleOptions } from '../../interfaces/resolved-module-options.interface.js';
import type { SqlExecutor } from '../../interfaces/transaction.interface.js';
import { isConnectionFault } from './connection-faults.js';
import { PatientPool } from './patient-pool.js';
import { type SchemaNames, schemaNames } from './schema-names.js';
import { prepareDatabase } from './prepare-database.js';

/** What each statement of the log runs in when the database's defaults would not do. */
const BEGIN = 'begin isolation level read committed read write';

/**
 * The process's pool and the statements that go through it.
 *
 * - A pool of the application's own is used and never closed; an error of an idle client never ends the process.
 * - Nothing depends on a session: no named statement, no setting that outlives its transaction. PgBouncer in
 *   transaction mode will do.
 * - A connection is tried for until the deadline; a statement is sent once, whatever becomes of it.
 */
export class PgConnection {
  readonly names: SchemaNames;
  readonly #options: ResolvedModuleOptions;
  readonly #pool: Pool;
  readonly #patient: PatientPool;
  #wrapped = false;
  #closed: Promise<void> | undefined;
  readonly #onIdleError = (error: Error): void => {
    // the pool drops the client by itself; the next statement gets another
    if (this.#options.logger !== false) this.#options.logger.debug?.(`An idle connection was lost: ${error.message}`);
  };

  constructor(options: ResolvedModuleOptions) {
    this.#options = options;
    this.names = schemaNames(options.schema);
    this.#pool = options.pool ?? new pg.Pool(poolConfig(options));
    this.#patient = new PatientPool(this.#pool, options.connectTimeout);
    this.#pool.on('error', this.#onIdleError);
  }

  /** How long a statement may try to reach the database: ms. */
  get patience(): number {
    return this.#options.connectTimeout;
  }

  /** Whether a client can be had without waiting for another's to be given back. */
  get hasRoom(): boolean {
    return this.#patient.hasRoom;
  }

  /** Where a connection of one's own goes: as `listen` says, or as the pool. */
  get listenConfig(): ClientConfig {
    const { listen } = this.#options;
    if (typeof listen === 'string') return { connectionString: listen };
    if (listen !== undefined && listen !== false) return listen;
    // the pool keeps secrets where a spread does not see them
    const { options } = this.#pool;
    return { ...options, password: options.password, ssl: options.ssl };
  }

  /**
   * Reaches the database and makes sure of the schema.
   *
   * @throws DatabaseUnavailableError, StandbyError, SchemaVersionError; closed then.
   */
  async start(): Promise<void> {
    try {
      this.#wrapped = await prepareDatabase(this, this.#options);
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** Idempotent. */
  async close(): Promise<void> {
    this.#closed ??= this.#close();
    await this.#closed;
  }

  /** Runs one statement, in a transaction of its own. */
  async query<Row extends QueryResultRow>(text: string, values: unknown[] = []): Promise<Row[]> {
    return this.use(async (client) => {
      if (!this.#wrapped) return (await client.query<Row>(text, values)).rows;
      return inTransaction(client, async () => (await client.query<Row>(text, values)).rows);
    });
  }

  /** Runs several statements in one transaction. */
  async transaction<T>(work: (executor: SqlExecutor) => Promise<T>): Promise<T> {
    return this.use((client) => inTransaction(client, () => work(client)));
  }

  /**
   * Lends a client; drops it when the connection breaks or `patience` runs out.
   *
   * @throws DatabaseUnavailableError, which says whether anything was sent.
   */
  async use<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
    const deadline = performance.now() + this.patience;
    const client = await this.#patient.acquire(deadline);
    let lost: Error | undefined;
    const onError = (error: Error): void => {
      lost = error;
    };
    client.on('error', onError);
    let timer: NodeJS.Timeout | undefined;
    try {
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(() => {
          lost = new Error(`no answer within ${this.patience} ms`);
          reject(lost);
        }, deadline - performance.now());
      });
      return await Promise.race([work(client), late]);
    } catch (error) {
      if (lost === undefined && !isConnectionFault(error)) throw error;
      lost ??= error as Error;
      throw new DatabaseUnavailableError(`The connection to the database broke: ${(error as Error).message}`, true, {
        cause: error,
      });
    } finally {
      clearTimeout(timer);
      client.off('error', onError);
      client.release(lost ?? false);
    }
  }

  async #close(): Promise<void> {
    this.#patient.close();
    if (this.#options.pool === undefined) await this.#pool.end();
    // an owned pool may still report the end of its idle clients
    else this.#pool.off('error', this.#onIdleError);
  }
}

async function inTransaction<T>(client: PoolClient, work: () => Promise<T>): Promise<T> {
  await client.query(BEGIN);
  try {
    const result = await work();
    await client.query('commit');
    return result;
  } catch (error) {
    await client.query('rollback').catch(() => undefined);
    throw error;
  }
}

function poolConfig({ connection }: ResolvedModuleOptions): PoolConfig {
  const given: PoolConfig = typeof connection === 'string' ? { connectionString: connection } : { ...connection };
  return { keepAlive: true, application_name: 'pgqueue', ...given };
}
