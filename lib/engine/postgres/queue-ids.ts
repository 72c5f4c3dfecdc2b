import type { PgConnection } from './connection.js';

/**
 * Names of queues to their ids. A queue is made on first use, on a connection of our own: two producers that make the
 * same queue inside their transactions would wait for each other.
 */
export class QueueIds {
  readonly #connection: PgConnection;
  readonly #known = new Map<string, number>();
  readonly #asked = new Map<string, Promise<number>>();

  constructor(connection: PgConnection) {
    this.#connection = connection;
  }

  get(name: string): number | undefined {
    return this.#known.get(name);
  }

  /** The id, making the queue if need be. */
  async ensure(name: string): Promise<number> {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
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
      `select queue_id as id from ${schema}.queue where name = $1`,
      [name],
    );
    if (row !== undefined) this.#known.set(name, row.id);
    return row?.id;
  }

  async #make(name: string): Promise<number> {
    const { schema } = this.#connection.names;
    const [row] = await this.#connection.query<{ id: number }>(`select ${schema}.ensure_queue($1::text) as id`, [name]);
    this.#known.set(name, row!.id);
    return row!.id;
  }
}
