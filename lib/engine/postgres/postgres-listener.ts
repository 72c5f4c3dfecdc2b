import type { QueryResultRow } from 'pg';
import { DatabaseUnavailableError } from '../../errors/database-unavailable.error.js';
import type { Log } from '../../utils/log.js';
import { pause, retryPause } from '../../utils/pause.js';
import { parseWake, type WakeUpCallbacks, type WakeUpListener } from '../wake-up.interface.js';
import type { PgConnection } from './connection.js';
import { Deaf, ListenSession } from './listen-session.js';

/** How often the connection shows that it still works: ms. With the time its answer may take, less than 15 s. */
const PROOF_EVERY = 6_000;
/** What hears nothing hears nothing a second later: ms. */
const DEAF_PAUSE = 60_000;
/** How long it waits at a time for an outage to be over: ms. */
const AWAY_PAUSE = 1_000;

/**
 * The process's one LISTEN connection.
 *
 * - It proves itself on connecting, by a notification that is sent through the pool. One that is not heard means a
 *   transaction pooler: said once, and workers poll.
 * - Every 6 s it shows that it still answers; one that does not within 8 s is half open, and replaced.
 * - Reconnects with backoff for as long as it runs; each time it listens again, everything is looked at once.
 */
export class PostgresListener implements WakeUpListener {
  readonly #connection: PgConnection;
  readonly #log: Log;
  readonly #enabled: boolean;
  #session: ListenSession | undefined;
  #stopping = new AbortController();
  #loop: Promise<void> | undefined;
  #said: 'interrupted' | 'deaf' | undefined;

  constructor(connection: PgConnection, options: { enabled: boolean; log: Log }) {
    this.#connection = connection;
    this.#enabled = options.enabled;
    this.#log = options.log;
  }

  get listening(): boolean {
    return this.#session !== undefined;
  }

  start(worker: string, callbacks: WakeUpCallbacks): void {
    if (!this.#enabled || this.#loop !== undefined) return;
    this.#stopping = new AbortController();
    this.#loop = this.#run(worker, callbacks);
  }

  async stop(): Promise<void> {
    const loop = this.#loop;
    this.#stopping.abort();
    await loop;
    // unless it was started again meanwhile
    if (this.#loop === loop) this.#loop = undefined;
  }

  /**
   * Runs one short statement on the LISTEN connection, for what must get through when the pool has no client left.
   *
   * @throws DatabaseUnavailableError when it does not listen.
   */
  async query<Row extends QueryResultRow>(text: string, values: unknown[] = []): Promise<Row[]> {
    if (this.#session === undefined) throw new DatabaseUnavailableError('There is no LISTEN connection', false);
    return this.#session.query<Row>(text, values);
  }

  async #run(worker: string, callbacks: WakeUpCallbacks): Promise<void> {
    const { signal } = this.#stopping;
    let tries = 0;
    while (!signal.aborted) {
      try {
        await this.#listen(worker, callbacks, () => {
          tries = 0;
          this.#said = undefined;
        });
      } catch (error) {
        const deaf = error instanceof Deaf;
        if (!deaf) await pause(retryPause(tries++), signal);
        // an outage is the connection's to say
        if (!this.#connection.away) this.#say(error as Error);
        if (deaf) await pause(DEAF_PAUSE, signal);
      }
      while (this.#connection.away && !signal.aborted) {
        await Promise.race([this.#connection.reachable(AWAY_PAUSE), pause(AWAY_PAUSE, signal)]);
      }
    }
  }

  /** One connection, from LISTEN to its end; throws why it ended. */
  async #listen(worker: string, callbacks: WakeUpCallbacks, listening: () => void): Promise<void> {
    const { signal } = this.#stopping;
    const { channel, schema } = this.#connection.names;
    const session = new ListenSession(this.#connection.createClient(), channel, (payload) => {
      const wake = parseWake(payload);
      if (wake !== undefined) callbacks.onWake(wake);
    });
    const stop = (): void => void session.close(new Error('stopping'));
    signal.addEventListener('abort', stop);
    let why = new Error('stopping');
    try {
      await session.open(async (...notification) => this.#connection.query('select pg_notify($1, $2)', notification));
      await session.query(`select pg_advisory_lock_shared(${schema}.lock_key('worker', $1))`, [worker]);
      this.#session = session;
      listening();
      callbacks.onListening();
      while (!signal.aborted) {
        await session.idle(PROOF_EVERY);
        await session.prove();
      }
    } catch (error) {
      why = error as Error;
      throw error;
    } finally {
      this.#session = undefined;
      signal.removeEventListener('abort', stop);
      await session.close(why);
    }
  }

  #say(error: Error): void {
    const what = error instanceof Deaf ? 'deaf' : 'interrupted';
    // that it is interrupted is no news where nothing was heard anyway
    if (this.#said === what || this.#said === 'deaf' || this.#stopping.signal.aborted) return;
    this.#said = what;
    this.#log.warn(
      what === 'deaf'
        ? 'LISTEN hears nothing here (a transaction pooler?): workers poll every second. Give `listen` a direct connection for less latency.'
        : `LISTEN is interrupted (${error.message}): workers poll every second until it is back`,
    );
  }
}
