import type pg from 'pg';
import type { Pool, PoolClient, QueryResultRow } from 'pg';
import { StandbyError } from '../../errors/standby.error.js';
import type { ResolvedModuleOptions } from '../../interfaces/resolved-module-options.interface.js';
import type { SqlExecutor } from '../../interfaces/transaction.interface.js';
import { type Log, SILENT } from '../../utils/log.js';
import { sqlState } from './connection-faults.js';
import type { HostedClient, Hosts } from './hosts.js';
import { lend } from './lend.js';
import { openPool } from './open-pool.js';
import { PatientPool } from './patient-pool.js';
import { prepareDatabase } from './prepare-database.js';
import { type SchemaNames, schemaNames, SqlState } from './schema-names.js';
import { cannotPrepare, type Statement, statementName, textOf } from './statement.js';
import { inTransaction } from './transaction.js';

/** How a statement without a transaction of its own fails when the defaults are stricter than READ COMMITTED, or read-only. */
const REFUSED_BY_DEFAULTS = new Set<string | undefined>([SqlState.wrongTransaction, '25006', '40001']);

/**
 * The process's pool and the statements that go through it.
 *
 * - A pool of the application's own is used and never closed; an error of an idle client never ends the process.
 * - Nothing depends on a session: no setting outlives its transaction, and where prepared statements get lost they are
 *   given up. PgBouncer in transaction mode will do.
 * - A connection is tried for until the deadline; a statement is sent once, whatever becomes of it, unless the server
 *   refused it for being a standby or for its defaults.
 */
export class PgConnection {
  readonly names: SchemaNames;
  readonly #options: ResolvedModuleOptions;
  readonly #log: Log;
  readonly #pool: Pool;
  readonly #patient: PatientPool;
  readonly #listenHosts: Hosts;
  #wrapped = false;
  #prepares = true;
  #closed: Promise<void> | undefined;
  readonly #closing = new AbortController();
  readonly #onIdleError = (error: Error): void => {
    // the pool drops the client by itself; the next statement gets another
    this.#patient.broken();
    this.#log.debug?.(`An idle connection was lost: ${error.message}`);
  };
  readonly #onConnect = (client: PoolClient): void => {
    // let in and ended in one packet: the pool listens no longer then, and who asked for it does not yet
    client.on('error', () => undefined);
  };

  /** @throws InvalidOptionsError for an address that cannot be used. */
  constructor(options: ResolvedModuleOptions) {
    this.#options = options;
    this.#log = options.logger === false ? SILENT : options.logger;
    this.names = schemaNames(options.schema);
    const { pool, hosts, listenHosts } = openPool(options);
    this.#pool = pool;
    this.#listenHosts = listenHosts;
    this.#patient = new PatientPool(pool, { patience: options.connectTimeout, hosts, log: this.#log });
    this.#pool.on('error', this.#onIdleError);
    this.#pool.on('connect', this.#onConnect);
  }

  /** Aborts when it is closed, or could not be opened: nothing can be read through it any more. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /** How long a statement may try to reach the database: ms. */
  get patience(): number {
    return this.#options.connectTimeout;
  }

  /** Whether a client can be had without waiting for another's to be given back. */
  get hasRoom(): boolean {
    return this.#patient.hasRoom;
  }

  /** A client of one's own, not connected yet: to where `listen` says, or where the pool connects. */
  createClient(): pg.Client & HostedClient {
    return new (this.#listenHosts.clientClass())();
  }

  /** Whether the last try to connect failed; somebody goes on trying then, if anybody waits. */
  get away(): boolean {
    return this.#patient.away;
  }

  /** Resolves when the database is not away, at the latest after `ms`. */
  async reachable(ms: number): Promise<void> {
    await this.#patient.reachable(ms);
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
  async query<Row extends QueryResultRow>(statement: string | Statement, values: unknown[] = []): Promise<Row[]> {
    const deadline = performance.now() + this.patience;
    for (;;) {
      const wrapped = this.#wrapped;
      const text = textOf(statement, wrapped);
      const name = typeof statement !== 'string' && this.#prepares ? statementName(text) : undefined;
      try {
        return await lend(this.#patient, { reachBy: deadline, doneBy: deadline }, async (client) => {
          const run = async (): Promise<Row[]> => {
            const sent =
              name === undefined ? client.query<Row>(text, values) : client.query<Row>({ name, text, values });
            return (await sent).rows;
          };
          return wrapped ? inTransaction(client, run) : run();
        });
      } catch (error) {
        if (name !== undefined && cannotPrepare(error as { code?: string })) {
          this.#prepares = false;
          continue;
        }
        // refused as a whole: nothing is written yet
        if (error instanceof StandbyError && this.away && performance.now() < deadline) continue;
        if (wrapped || !REFUSED_BY_DEFAULTS.has(sqlState(error))) throw error;
        this.#wrapped = true;
      }
    }
  }

  /** Runs several statements in one transaction. */
  async transaction<T>(work: (executor: SqlExecutor) => Promise<T>): Promise<T> {
    return this.use((client) => inTransaction(client, () => work(client)));
  }

  /** The most clients that there are at once. */
  get poolSize(): number {
    return this.#pool.options.max ?? 10;
  }

  /** As `transaction()`, for as long as it takes. */
  async longTransaction<T>(work: (executor: SqlExecutor) => Promise<T>): Promise<T> {
    return this.use((client) => inTransaction(client, () => work(client)), Infinity);
  }

  /**
   * Lends a client for `within` ms; drops it when the connection breaks, when the time is over or when it is a standby's.
   *
   * @throws DatabaseUnavailableError, which says whether anything was sent; StandbyError.
   */
  async use<T>(work: (client: PoolClient) => Promise<T>, within = this.patience): Promise<T> {
    const now = performance.now();
    return lend(this.#patient, { reachBy: now + this.patience, doneBy: now + within }, work);
  }

  async #close(): Promise<void> {
    this.#closing.abort();
    this.#patient.close();
    // an owned pool may still report the end of its idle clients
    if (this.#options.pool === undefined) return this.#pool.end();
    this.#pool.off('error', this.#onIdleError);
    this.#pool.off('connect', this.#onConnect);
  }
}
