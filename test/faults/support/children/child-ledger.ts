import { randomUUID } from 'node:crypto';
import pg from 'pg';

interface Began {
  readonly id: string;
  readonly queue: string;
  readonly name: string;
  readonly key: string;
  readonly job: string;
  readonly attempt: number;
}

interface Waiting<T> {
  readonly row: T;
  readonly written: () => void;
}

/**
 * What this process's handlers write down, on connections of its own. Rows that come together are written together, and
 * again until the server has answered: the ledger must not lose what the queue is accused of losing.
 */
export class ChildLedger {
  readonly pool: pg.Pool;
  readonly #schema: string;
  readonly #pid: number;
  #began: Waiting<Began>[] = [];
  #ended: Waiting<{ id: string; outcome: string }>[] = [];
  #writing = false;

  constructor(url: string, schema: string, pid: number) {
    this.#schema = schema;
    this.#pid = pid;
    this.pool = new pg.Pool({ connectionString: url, max: 6, allowExitOnIdle: true, application_name: 'ledger' });
    this.pool.on('error', () => undefined);
  }

  get schema(): string {
    return this.#schema;
  }

  /** Resolves when it is durable that a run has begun. */
  async began(row: Omit<Began, 'id'>): Promise<string> {
    const id = randomUUID();
    await this.#add(this.#began, { ...row, id });
    return id;
  }

  async ended(id: string, outcome: string): Promise<void> {
    await this.#add(this.#ended, { id, outcome });
  }

  async #add<T>(to: Waiting<T>[], row: T): Promise<void> {
    await new Promise<void>((written) => {
      to.push({ row, written });
      if (this.#writing) return;
      this.#writing = true;
      setImmediate(() => void this.#write());
    });
  }

  async #write(): Promise<void> {
    while (this.#began.length > 0 || this.#ended.length > 0) {
      const [began, ended] = [this.#began.splice(0), this.#ended.splice(0)];
      const rows = began.map(({ row }) => row);
      if (rows.length > 0) {
        await this.#patiently(
          `insert into ${this.#schema}.run (id, queue, name, key, job, attempt, pid)
select *, ${this.#pid} from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::int[]) on conflict do nothing`,
          [
            rows.map(({ id }) => id),
            rows.map(({ queue }) => queue),
            rows.map(({ name }) => name),
            rows.map(({ key }) => key),
            rows.map(({ job }) => job),
            rows.map(({ attempt }) => attempt),
          ],
        );
      }
      if (ended.length > 0) {
        await this.#patiently(
          `update ${this.#schema}.run r set ended = clock_timestamp(), outcome = x.outcome
from unnest($1::uuid[], $2::text[]) x (id, outcome) where r.id = x.id and r.ended is null`,
          [ended.map(({ row }) => row.id), ended.map(({ row }) => row.outcome)],
        );
      }
      for (const { written } of [...began, ...ended]) written();
    }
    this.#writing = false;
  }

  async #patiently(text: string, values: unknown[]): Promise<void> {
    for (;;) {
      try {
        await this.pool.query(text, values);
        return;
      } catch (error) {
        if (/^(22|23|42)/.test((error as { code?: string }).code ?? '')) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }
}
