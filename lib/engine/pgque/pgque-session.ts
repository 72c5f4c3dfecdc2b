import { randomUUID } from 'node:crypto';
import pg from 'pg';
import type { Log } from '../../utils/log.js';
import { pause, retryPause } from '../../utils/pause.js';
import type { PgqueSession, PgqueSessionCallbacks } from '../pgque-session.interface.js';
import type { PgConnection } from '../postgres/connection.js';
import { Deaf, ListenSession } from '../postgres/listen-session.js';

const CHANNEL_PREFIX = 'pgque_';
/** How often locks that others hold are tried: ms. With a reconnect, less than the 6 s that a takeover may take. */
const TRY_EVERY = 2_000;
/** How often the connection shows that it still works when there is nothing to try: ms. */
const PROOF_EVERY = 6_000;
/** How long it waits at a time for an outage to be over: ms. */
const AWAY_PAUSE = 1_000;

/**
 * The process's one connection for PgQue: LISTEN, and advisory locks.
 *
 * - It proves itself on connecting, as the module's own LISTEN connection does. Where nothing is heard (a transaction pooler),
 *   or LISTEN is switched off, the locks are a transaction's that stays open, and consumers poll.
 * - Reconnects with backoff for as long as it runs. Each time it listens again, everything is looked at once.
 */
export class PostgresPgqueSession implements PgqueSession {
  readonly #connection: PgConnection;
  readonly #log: Log;
  readonly #wanted = new Set<string>();
  readonly #held = new Set<string>();
  readonly #releasing = new Set<string>();
  /** Held by a connection that is gone: how often they could not be had since. */
  readonly #unsure = new Map<string, number>();
  #hears: boolean;
  #listening = false;
  #stopping = new AbortController();
  #changed = new AbortController();
  #loop: Promise<void> | undefined;
  #saidInterrupted = false;

  constructor(connection: PgConnection, options: { listen: boolean; log: Log }) {
    this.#connection = connection;
    this.#hears = options.listen;
    this.#log = options.log;
  }

  get listening(): boolean {
    return this.#listening;
  }

  start(queues: readonly string[], callbacks: PgqueSessionCallbacks): void {
    if (this.#loop !== undefined) return;
    this.#stopping = new AbortController();
    this.#loop = this.#run(queues, callbacks);
  }

  async stop(): Promise<void> {
    const loop = this.#loop;
    this.#stopping.abort();
    await loop;
    if (this.#loop !== loop) return;
    this.#loop = undefined;
    for (const locks of [this.#wanted, this.#held, this.#releasing, this.#unsure]) locks.clear();
  }

  want(lock: string): void {
    this.#releasing.delete(lock);
    this.#wanted.add(lock);
    this.#changed.abort();
  }

  release(lock: string): void {
    this.#wanted.delete(lock);
    this.#unsure.delete(lock);
    if (this.#held.has(lock)) this.#releasing.add(lock);
    this.#changed.abort();
  }

  async #run(queues: readonly string[], callbacks: PgqueSessionCallbacks): Promise<void> {
    const { signal } = this.#stopping;
    let tries = 0;
    while (!signal.aborted) {
      try {
        await this.#hold(queues, callbacks, () => {
          tries = 0;
          this.#saidInterrupted = false;
        });
      } catch (error) {
        if (error instanceof Deaf) {
          this.#hears = false;
          this.#log.warn(
            'LISTEN hears nothing of PgQue here (a transaction pooler?): its consumers poll every second. Give `listen` a direct connection for less latency.',
          );
        } else {
          await pause(retryPause(tries++), signal);
          if (!this.#connection.away) this.#say(error as Error);
        }
      }
      while (this.#connection.away && !signal.aborted) {
        await Promise.race([this.#connection.reachable(AWAY_PAUSE), pause(AWAY_PAUSE, signal)]);
      }
    }
  }

  /** One connection, from connecting to its end; throws why it ended. */
  async #hold(queues: readonly string[], callbacks: PgqueSessionCallbacks, works: () => void): Promise<void> {
    const { signal } = this.#stopping;
    // a channel of its own: a proof on a queue's would be heard by everybody who listens for its ticks
    const session = new ListenSession(
      this.#connection.createClient(),
      `pgqueue_${randomUUID()}`,
      (_payload, channel) => {
        if (channel.startsWith(CHANNEL_PREFIX)) callbacks.onTick(channel.slice(CHANNEL_PREFIX.length));
      },
    );
    const stop = (): void => void session.close(new Error('stopping'));
    signal.addEventListener('abort', stop);
    let why = new Error('stopping');
    try {
      await this.#open(session, queues);
      works();
      this.#listening = this.#hears;
      callbacks.onListening();
      while (!signal.aborted) {
        this.#changed = new AbortController();
        await this.#letGo(session);
        const complete = await this.#take(session, callbacks);
        await session.idle(complete ? PROOF_EVERY : TRY_EVERY, this.#changed.signal);
      }
    } catch (error) {
      why = error as Error;
      throw error;
    } finally {
      this.#listening = false;
      signal.removeEventListener('abort', stop);
      this.#doubt(callbacks);
      await session.close(why);
    }
  }

  async #open(session: ListenSession, queues: readonly string[]): Promise<void> {
    if (!this.#hears) {
      await session.openTransaction();
      return;
    }
    await session.open(async (...notification) => this.#connection.query('select pg_notify($1, $2)', notification));
    for (const queue of queues) await session.query(`listen ${pg.escapeIdentifier(CHANNEL_PREFIX + queue)}`);
  }

  /** Returns whether all that is wanted is held. */
  async #take(session: ListenSession, { onHeld, onLost }: PgqueSessionCallbacks): Promise<boolean> {
    const missing = [...this.#wanted].filter((lock) => !this.#held.has(lock));
    const lock = this.#hears ? 'pg_try_advisory_lock' : 'pg_try_advisory_xact_lock';
    // also with nothing to try: shows that the connection still answers
    const rows = await session.query<{ name: string }>(
      `select l as name from unnest($1::text[]) l where ${lock}(hashtextextended(l, 0))`,
      [missing],
    );
    // a statement with parameters keeps its snapshot until the transaction's next one, which has none
    if (!this.#hears) await session.prove();
    const got = new Set(rows.map(({ name }) => name));
    for (const name of got) {
      this.#held.add(name);
      this.#unsure.delete(name);
      if (this.#wanted.has(name)) onHeld(name);
      else this.release(name);
    }
    for (const [name, tries] of this.#unsure) {
      this.#unsure.set(name, tries + 1);
      // the first time it may still be the old connection's, which is about to end
      if (tries === 0) continue;
      this.#unsure.delete(name);
      onLost(name);
    }
    return got.size === missing.length;
  }

  /** A transaction's locks go with it alone. */
  async #letGo(session: ListenSession): Promise<void> {
    const locks = [...this.#releasing].filter((lock) => this.#held.has(lock));
    this.#releasing.clear();
    if (locks.length === 0 || !this.#hears) return;
    await session.query('select pg_advisory_unlock(hashtextextended(l, 0)) from unnest($1::text[]) l', [locks]);
    for (const lock of locks) this.#held.delete(lock);
  }

  #doubt({ onUnsure }: PgqueSessionCallbacks): void {
    for (const lock of this.#held) {
      if (!this.#wanted.has(lock)) continue;
      this.#unsure.set(lock, 0);
      onUnsure(lock);
    }
    this.#held.clear();
  }

  #say(error: Error): void {
    if (this.#saidInterrupted || this.#stopping.signal.aborted) return;
    this.#saidInterrupted = true;
    this.#log.warn(
      `The connection that listens for PgQue's ticks is interrupted (${error.message}): its consumers wait or poll`,
    );
  }
}
