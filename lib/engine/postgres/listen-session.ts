import { randomUUID } from 'node:crypto';
import pg from 'pg';
import type { QueryResultRow } from 'pg';
import { firstAbort } from '../../utils/first-abort.js';
import { pause } from '../../utils/pause.js';
import { NoAnswer } from './connection-faults.js';
import type { HostedClient } from './hosts.js';
import { requirePrimary } from './primary-check.js';
import { withinTime } from './within-time.js';

/** How long an answer may take: ms. Not less than a busy server needs: who gives up loses the worker's lock. */
const ANSWER_WITHIN = 8_000;
/** How long it may take to hear of a notification that another connection sent: ms. */
const HEARD_WITHIN = 5_000;
/** How long a goodbye may take: ms. */
const GOODBYE_WITHIN = 1_000;

/**
 * The session holds the worker's lock for as long as it lives, so it lets go soon when its host vanishes; it is idle as a
 * rule, and writes whatever the role's defaults are. What is sent to it while its host is gone (every process's proof is,
 * to all) ends the keepalive and begins the user timeout anew: the two must fit one behind the other, 8 s and 6 s, or
 * others take over too late.
 */
const settings = (local: boolean): string => `select set_config(name, value, ${local}) from (values
  ('tcp_keepalives_idle', '4'), ('tcp_keepalives_interval', '2'), ('tcp_keepalives_count', '2'),
  ('tcp_user_timeout', '6000'), ('idle_session_timeout', '0'), ('idle_in_transaction_session_timeout', '0'),
  ('statement_timeout', '0'), ('default_transaction_read_only', 'off'),
  ('default_transaction_isolation', 'read committed')) as s (name, value)`;

/**
 * One connection that listens, from connecting to its end.
 *
 * - Nothing waits for it longer than its time: whoever waits when it ends is told why.
 * - One statement at a time.
 */
export class ListenSession {
  readonly #client: pg.Client & HostedClient;
  readonly #channel: string;
  readonly #end = new AbortController();
  #last: Promise<unknown> = Promise.resolve();
  #proof = '';
  #heard: (() => void) | undefined;
  #closed: Promise<void> | undefined;

  constructor(
    client: pg.Client & HostedClient,
    channel: string,
    onNotification: (payload: string, channel: string) => void,
  ) {
    this.#client = client;
    this.#channel = channel;
    client.on('error', (error) => this.#end.abort(error));
    client.on('end', () => this.#end.abort(new Error('the LISTEN connection ended')));
    client.on('notification', ({ payload = '', channel: heardOn }) => {
      if (payload === this.#proof) this.#heard?.();
      onNotification(payload, heardOn);
    });
  }

  /**
   * Connects and listens. `notify` sends to the channel on another connection: a pooler may well pass on what a session
   * notifies itself about, and nothing else.
   *
   * @throws Deaf when that is not heard; it leaves nothing behind then.
   */
  async open(notify: (channel: string, payload: string) => Promise<unknown>): Promise<void> {
    await this.#unlessEnded(this.#client.connect());
    const channel = pg.escapeIdentifier(this.#channel);
    try {
      await this.#answered(requirePrimary(this.#client));
      await this.query(`listen ${channel}`);
    } catch (error) {
      this.#client.hostFailed?.();
      throw error;
    }
    const heard = this.#proofArrives();
    await this.#unlessEnded(notify(this.#channel, this.#proof));
    try {
      await this.#within(HEARD_WITHIN, heard, () => new Deaf());
    } catch (error) {
      if (error instanceof Deaf) await this.query(`unlisten ${channel}`).catch(() => undefined);
      throw error;
    }
    // only now: on a pooler's connection they would stay
    await this.query(settings(false));
  }

  /**
   * Connects and opens a transaction, which stays open: what is locked in it is held where nothing may outlive one, on a
   * transaction pooler's connection. Between statements it has no snapshot and no id, so it holds nothing back.
   */
  async openTransaction(): Promise<void> {
    await this.#unlessEnded(this.#client.connect());
    try {
      await this.#answered(requirePrimary(this.#client));
      await this.query('begin isolation level read committed');
      await this.query(settings(true));
      // its own time-out came with PostgreSQL 17
      await this.query(`select set_config(name, '0', true) from pg_settings where name = 'transaction_timeout'`);
    } catch (error) {
      this.#client.hostFailed?.();
      throw error;
    }
  }

  /** Lets `ms` go by, or less when `until` aborts. @throws why it ended meanwhile. */
  async idle(ms: number, until?: AbortSignal): Promise<void> {
    const first = firstAbort(this.#end.signal, ...(until === undefined ? [] : [until]));
    await pause(ms, first.signal);
    first.release();
    this.#end.signal.throwIfAborted();
  }

  /** @throws when nothing comes back in time: the connection is half open, and ends. */
  async prove(): Promise<void> {
    // no notification: every process of the schema would hear each of them
    await this.query('select');
  }

  /** Runs one statement. One that is not answered in time ends the session. */
  async query<Row extends QueryResultRow>(text: string, values: unknown[] = []): Promise<Row[]> {
    const turn = this.#last.then(async () => this.#answered(this.#client.query<Row>(text, values)));
    this.#last = turn.catch(() => undefined);
    return (await turn).rows;
  }

  /** Idempotent; never waits for the other side longer than a second. */
  async close(why: Error): Promise<void> {
    this.#closed ??= this.#close(why);
    await this.#closed;
  }

  async #close(why: Error): Promise<void> {
    this.#end.abort(why);
    const called = new AbortController();
    await Promise.race([this.#client.end().catch(() => undefined), pause(GOODBYE_WITHIN, called.signal)]);
    called.abort();
    this.#client.connection.stream.destroy();
  }

  async #proofArrives(): Promise<void> {
    this.#proof = `proof:${randomUUID()}`;
    await new Promise<void>((resolve) => {
      this.#heard = resolve;
    });
  }

  async #answered<T>(work: Promise<T>): Promise<T> {
    return this.#within(ANSWER_WITHIN, work, () => {
      const why = new NoAnswer(ANSWER_WITHIN);
      this.#end.abort(why);
      return why;
    });
  }

  async #unlessEnded<T>(work: Promise<T>): Promise<T> {
    return this.#within(Infinity, work, () => new Error('ended'));
  }

  async #within<T>(ms: number, work: Promise<T>, late: () => Error): Promise<T> {
    const why = (): Error => (this.#end.signal.aborted ? (this.#end.signal.reason as Error) : late());
    return withinTime(work, performance.now() + ms, why, this.#end.signal);
  }
}

/** LISTEN works and hears nothing: a transaction pooler, or another database. */
export class Deaf extends Error {
  constructor() {
    super('a notification was not heard');
  }
}
