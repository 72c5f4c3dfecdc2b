import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, inject } from 'vitest';
import { type LocalPostgres, startLocalPostgres } from '../../../sample/local-postgres.js';
import { until } from '../../support/signals.js';
import { hasPgque, installPgque } from './install-pgque.js';

/** pgque.message, as pg reads it. */
export interface Message {
  readonly msg_id: string;
  readonly batch_id: string;
  readonly type: string | null;
  readonly payload: string | null;
  readonly retry_count: number | null;
  readonly created_at: Date;
  readonly extra1: string | null;
  readonly extra2: string | null;
  readonly extra3: string | null;
  readonly extra4: string | null;
}

export const payloadsOf = (messages: readonly Message[]): (string | null)[] => messages.map(({ payload }) => payload);

/** Waits until a statement of this session waits for another session. */
export async function untilBlocked(session: PgqueSession, observer: PgqueSession): Promise<void> {
  const { processID } = session.client as pg.Client & { processID: number };
  await until('a statement to wait for a lock', async () =>
    observer.value<boolean>('select cardinality(pg_blocking_pids($1)) > 0', [processID]),
  );
}

let queues = 0;

/** PgQue's functions on one connection, so that a test decides about its transactions. */
export class PgqueSession {
  constructor(readonly client: pg.Client) {}

  async rows<T extends object = Record<string, unknown>>(sql: string, params: unknown[] = []): Promise<T[]> {
    return (await this.client.query<T>(sql, params)).rows;
  }

  /** The first column of the first row. */
  async value<T = string>(sql: string, params: unknown[] = []): Promise<T> {
    const [row] = await this.rows(sql, params);
    return Object.values(row ?? {})[0] as T;
  }

  /** One of PgQue's functions that returns one value. Ids are strings. */
  async call<T = string>(name: string, ...params: unknown[]): Promise<T> {
    const placeholders = params.map((_, i) => `$${i + 1}`).join(', ');
    return this.value<T>(`select pgque.${name}(${placeholders})`, params);
  }

  /** A new queue, and its consumers. */
  async queue(consumers: string[] = ['consumer'], config: Record<string, string> = {}): Promise<string> {
    // ticker() takes them in the order of their names
    const queue = `queue ${String(++queues).padStart(6, '0')}`;
    await this.call('create_queue', queue);
    for (const [param, value] of Object.entries(config)) await this.call('set_queue_config', queue, param, value);
    for (const consumer of consumers) await this.call('subscribe', queue, consumer);
    return queue;
  }

  async send(queue: string, ...payloads: string[]): Promise<string[]> {
    const ids: string[] = [];
    for (const payload of payloads) ids.push(await this.call('send', queue, payload));
    return ids;
  }

  /** Ticks, however little there is to tick for. */
  async tick(queue: string): Promise<string> {
    await this.call('force_next_tick', queue);
    return this.call('ticker', queue);
  }

  async receive(queue: string, consumer = 'consumer', max: number | null = null): Promise<Message[]> {
    return this.rows<Message>('select * from pgque.receive($1, $2, $3)', [queue, consumer, max]);
  }

  async nack(
    message: { msg_id: string | null; batch_id: string },
    { after = '0 s', reason = null }: { after?: string | null; reason?: string | null } = {},
  ): Promise<number> {
    return this.value<number>(
      `select pgque.nack($1, row($2, $1, null, null, null, null, null, null, null, null)::pgque.message, $3, $4)`,
      [message.batch_id, message.msg_id, after, reason],
    );
  }

  /** Receives what there is now and acks it, over as many windows as it takes. */
  async drain(queue: string, consumer = 'consumer'): Promise<Message[]> {
    const all: Message[] = [];
    while (
      await this.value<boolean>(
        `select exists (select from pgque.get_consumer_info($1, $2) c, pgque.tick t, pgque.queue q
        where q.queue_name = $1 and t.tick_queue = q.queue_id and t.tick_id > c.last_tick)`,
        [queue, consumer],
      )
    ) {
      const messages = await this.receive(queue, consumer);
      if (messages.length > 0) await this.call('ack', messages[0]!.batch_id);
      all.push(...messages);
    }
    return all;
  }

  /** Moves what is to be retried back, whether it is due or not, and ticks. */
  async retryAll(queue: string): Promise<void> {
    await this.rows(`update pgque.retry_queue set ev_retry_after = now() - interval '1 s'`);
    while ((await this.call<number>('maint_retry_events')) > 0);
    await this.tick(queue);
  }
}

/** A database of its own with the shim in it: the schema is always `pgque`. */
export interface PgqueDatabase {
  readonly url: string;
  /** Connected from beforeAll to afterAll. */
  readonly main: PgqueSession;
  /** A further session, closed in afterAll. */
  session(): Promise<PgqueSession>;
}

export interface PgqueDatabaseOptions {
  /** On a server of its own: snapshots list the transactions of a whole server, other tests' too. */
  readonly alone?: boolean;
  /** Whether PgQue is in it. Default true. */
  readonly installed?: boolean;
}

/** Registers beforeAll and afterAll. */
export function pgqueDatabase({ alone = false, installed = true }: PgqueDatabaseOptions = {}): PgqueDatabase {
  const name = `test_pgque_${process.pid}_${randomUUID().slice(0, 8)}`;
  let url = '';
  let server: LocalPostgres | undefined;
  let maintenance: pg.Client | undefined;
  let main: PgqueSession | undefined;
  const clients: pg.Client[] = [];
  const connect = async (connectionString: string): Promise<pg.Client> => {
    const client = new pg.Client({ connectionString });
    // a test may have its connection cut
    client.on('error', () => undefined);
    await client.connect();
    clients.push(client);
    return client;
  };
  beforeAll(async () => {
    if (!hasPgque) return;
    if (alone) server = await startLocalPostgres();
    const at = new URL(server?.url ?? inject('databaseUrl'));
    maintenance = await connect(at.href);
    await maintenance.query(`create database ${name} template template0`);
    at.pathname = `/${name}`;
    url = at.href;
    main = new PgqueSession(await connect(url));
    if (installed) await installPgque(main.client);
  });
  afterAll(async () => {
    await maintenance?.query(`drop database if exists ${name} with (force)`);
    await Promise.all(clients.map(async (client) => client.end()));
    await server?.stop();
  });
  return {
    get url() {
      return url;
    },
    get main() {
      if (main === undefined) throw new Error('connected in beforeAll only');
      return main;
    },
    session: async () => new PgqueSession(await connect(url)),
  };
}
