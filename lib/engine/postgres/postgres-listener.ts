import { randomUUID } from 'node:crypto';
import pg from 'pg';
import type { Log } from '../../utils/log.js';
import { pause, retryPause } from '../../utils/pause.js';
import { parseWake, type WakeUpCallbacks, type WakeUpListener } from '../wake-up.interface.js';
import type { PgConnection } from './connection.js';

/** How often the connection shows that it still works, and how long it may take: ms. */
const PROOF_EVERY = 15_000;
const PROOF_WITHIN = 5_000;

/** The listening session lets go soon when its host vanishes, and holds the worker's lock for as long as it lives. */
const SETTINGS = `select set_config('tcp_keepalives_idle', '5', false), set_config('tcp_keepalives_interval', '3', false),
  set_config('tcp_keepalives_count', '3', false), set_config('tcp_user_timeout', '14000', false)`;

/**
 * The process's one LISTEN connection.
 *
 * - It proves itself: a notification to itself, on connecting and every 15 s. One that does not come back the first time
 *   means a transaction pooler: said once, and workers poll. One that fails later means a half-open connection: replaced.
 * - Reconnects with backoff for as long as it runs; each time it listens again, everything is looked at once.
 */
export class PostgresListener implements WakeUpListener {
  readonly #connection: PgConnection;
  readonly #log: Log;
  readonly #enabled: boolean;
  #client: pg.Client | undefined;
  #stopping = new AbortController();
  #loop: Promise<void> | undefined;
  #said = false;

  constructor(connection: PgConnection, options: { enabled: boolean; log: Log }) {
    this.#connection = connection;
    this.#enabled = options.enabled;
    this.#log = options.log;
  }

  get listening(): boolean {
    return this.#client !== undefined;
  }

  start(worker: string, callbacks: WakeUpCallbacks): void {
    if (!this.#enabled || this.#loop !== undefined) return;
    this.#stopping = new AbortController();
    this.#loop = this.#run(worker, callbacks);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
    this.#loop = undefined;
  }

  async #run(worker: string, callbacks: WakeUpCallbacks): Promise<void> {
    const { signal } = this.#stopping;
    let tries = 0;
    while (!signal.aborted) {
      try {
        await this.#session(worker, callbacks, () => {
          tries = 0;
          this.#said = false;
        });
      } catch (error) {
        this.#say(error as Error);
      }
      await pause(retryPause(tries++), signal);
    }
  }

  /** One connection, from LISTEN to its end; throws why it ended. */
  async #session(worker: string, callbacks: WakeUpCallbacks, listening: () => void): Promise<void> {
    const { signal } = this.#stopping;
    const client = new pg.Client({ ...this.#connection.listenConfig, keepAlive: true });
    const { channel, schema } = this.#connection.names;
    let proof = '';
    let proven: (() => void) | undefined;
    const ended = new Promise<never>((_, reject) => {
      client.on('error', reject);
      client.on('end', () => reject(new Error('the LISTEN connection ended')));
      signal.addEventListener('abort', () => reject(new Error('stopping')), { once: true });
    });
    ended.catch(() => undefined);
    client.on('notification', ({ payload = '' }) => {
      if (payload === proof) proven?.();
      const wake = parseWake(payload);
      if (wake !== undefined) callbacks.onWake(wake);
    });
    const prove = async (): Promise<void> => {
      proof = `proof:${randomUUID()}`;
      const back = new Promise<void>((resolve) => {
        proven = resolve;
      });
      const late = new AbortController();
      await Promise.race([
        Promise.all([client.query('select pg_notify($1, $2)', [channel, proof]), back]),
        ended,
        unproven(late.signal),
      ]).finally(() => late.abort());
    };
    try {
      await Promise.race([client.connect(), ended]);
      await client.query(SETTINGS);
      await client.query(`listen ${pg.escapeIdentifier(channel)}`);
      await prove();
      await client.query(`select pg_advisory_lock_shared(${schema}.lock_key('worker', $1))`, [worker]);
      this.#client = client;
      listening();
      callbacks.onListening();
      while (!signal.aborted) {
        await Promise.race([pause(PROOF_EVERY, signal), ended]);
        await prove();
      }
    } finally {
      this.#client = undefined;
      const patience = new AbortController();
      await Promise.race([client.end().catch(() => undefined), pause(1000, patience.signal)]);
      patience.abort();
    }
  }

  #say(error: Error): void {
    if (this.#said || this.#stopping.signal.aborted) return;
    this.#said = true;
    this.#log.warn(
      error instanceof Unproven
        ? 'LISTEN hears nothing here (a transaction pooler?): workers poll every second. Give `listen` a direct connection for less latency.'
        : `LISTEN is interrupted (${error.message}): workers poll every second until it is back`,
    );
  }
}

class Unproven extends Error {
  constructor() {
    super('a notification to itself did not come back');
  }
}

/** Rejects when the proof does not come in time; the signal calls it off. */
async function unproven(calledOff: AbortSignal): Promise<void> {
  await pause(PROOF_WITHIN, calledOff);
  if (!calledOff.aborted) throw new Unproven();
}
