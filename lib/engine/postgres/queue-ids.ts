import type { TransactionExecutor } from '../../interfaces/transaction.interface.js';
import type { PgConnection } from './connection.js';

/** How the ids of one kind are found and made. */
const KINDS = {
  queue: { ensure: 'ensure_queue', named: '$1' },
  stream: { ensure: 'ensure_stream', named: `chr(31) || $1` },
} as const;

/**
 * Names of queues, or of streams, to their ids. One is made on first use, on a connection of our own: two producers that make
 * the same inside their transactions would wait for each other.
 */
export class QueueIds {
  readonly #connection: PgConnection;
  readonly #kind: (typeof KINDS)[keyof typeof KINDS];
  readonly #known = new Map<string, number>();
  readonly #asked = new Map<string, Promise<number>>();

  constructor(connection: PgConnection, kind: keyof typeof KINDS = 'queue') {
    this.#connection = connection;
    this.#kind = KINDS[kind];
  }

  get(name: string): number | undefined {
    return this.#known.get(name);
  }

  /**
   * The id, making the queue if need be. When the pool has no connection left the caller's transaction makes it, or when the
   * database has no further session: waiting for one might be waiting for that transaction.
   */
  async ensure(name: string, executor?: TransactionExecutor): Promise<number> {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    if (executor !== undefined && (executor.isOnlySession === true || !this.#connection.hasRoom)) {
      // not remembered: it is gone again if that transaction rolls back
      const { rows } = (await executor.query(this.#statement, [name])) as { rows: { id: string }[] };
      return Number(rows[0]!.id);
    }
    let asked = this.#asked.get(name);
    if (asked === undefined) {
      asked = this.#make(name).finally(() => this.#asked.delete(name));
      this.#asked.set(name, asked);
    }
    return asked;
  }

  /** The id of a queue that exists; `undefined` otherwise. */
  async find(name: string): Promise<number | undefined> {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const { schema } = this.#connection.names;
    const [row] = await this.#connection.query<{ id: number }>(
      `select queue_id as id from ${schema}.queue where name = ${this.#kind.named}::text`,
      [name],
    );
    if (row !== undefined) this.#known.set(name, row.id);
    return row?.id;
  }

  async #make(name: string): Promise<number> {
    const [row] = await this.#connection.query<{ id: string }>(this.#statement, [name]);
    const id = Number(row!.id);
    this.#known.set(name, id);
    return id;
  }

  get #statement(): string {
    return `select ${this.#connection.names.schema}.${this.#kind.ensure}($1::text)::text as id`;
  }
}
