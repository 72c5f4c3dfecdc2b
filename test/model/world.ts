import { randomUUID } from 'node:crypto';
import pg from 'pg';
import type { PgConnection } from '../../lib/engine/postgres/connection.js';
import { migrationSql } from '../../lib/engine/postgres/migrations/index.js';
import { QueueIds } from '../../lib/engine/postgres/queue-ids.js';
import { RINGS } from '../../lib/engine/postgres/rings.js';
import { schemaNames } from '../../lib/engine/postgres/schema-names.js';
import type { ClaimRequest } from '../../lib/engine/worker-engine.interface.js';
import { Session } from '../support/engine.js';
import type { Hand, Job } from './oracle/job.js';
import { Oracle } from './oracle/oracle.js';
import { QueueOracle } from './oracle/queue.js';
import type { Transaction } from './oracle/transaction.js';

export interface Backend {
  session: Session;
  pid: number;
}

/** A process that claims; with a new id when it was declared dead. */
export interface Worker extends Backend {
  readonly text: string;
  readonly id: string;
  readonly maxStalled: Readonly<Record<string, number>>;
  readonly claims: Map<QueueOracle, number>;
  /** A claim whose answer was lost; the runs it made, in the order of their leases. */
  unanswered?: { queue: QueueOracle; request: Omit<ClaimRequest, 'queueId'>; hands: Hand[] };
  hands: Hand[];
  /** Its row is gone. */
  retired: boolean;
}

/** Everything one run of the model works with: a schema of its own, its sessions, what it should hold, and what was done. */
export class World {
  readonly url: string;
  readonly schema = `model_${process.pid}_${randomUUID().slice(0, 8)}`;
  readonly s = schemaNames(this.schema).schema;
  /** What was done, a line each. */
  readonly log: string[] = [];
  /** How often things happened: the test says so. */
  readonly tally: Record<string, number> = {};
  readonly workers: Worker[] = [];
  /** Incarnations that were declared dead and may still hold runs. */
  readonly dead: Worker[] = [];
  oracle!: Oracle;
  /** Looks at the log. */
  main!: Backend;
  /** Holds locks in the way of others. */
  blocker!: Backend;
  maintenance!: Backend;
  /** Adds without a transaction. */
  producer!: Backend;
  /** Cancels, removes, promotes. */
  control!: Backend;
  serial = 1;
  /** Every run that was handed out. */
  readonly handedOut = new Set<string>();
  readonly #idle: Backend[] = [];
  readonly #clients = new Set<pg.Client>();
  #ids: QueueIds | undefined;
  #transactions = 0;

  constructor(url: string) {
    this.url = url;
  }

  async start(): Promise<void> {
    this.main = await this.backend();
    await this.main.session.client.query(migrationSql({ schema: this.schema }));
    for (const role of ['blocker', 'maintenance', 'producer', 'control'] as const) this[role] = await this.backend();
    const queues = [];
    for (const text of ['q1', 'q2']) {
      const id = await this.main.session.work.ensureQueue(text);
      queues.push(new QueueOracle({ name: text, id }, text, text === 'q2'));
    }
    this.oracle = new Oracle(queues);
    await this.main.session.jobs.setRetention('q2', { completed: { age: 0 } });
    for (let i = 1; i <= 3; i++) this.workers.push(await this.#worker(`w${i}`, {}, await this.backend()));
    await this.readRings();
  }

  async stop(): Promise<void> {
    await this.main?.session.client.query(`rollback; drop schema if exists ${this.s} cascade`).catch(() => undefined);
    await Promise.all([...this.#clients].map(async (client) => client.end().catch(() => undefined)));
  }

  async backend(): Promise<Backend> {
    const client = new pg.Client({ connectionString: this.url, options: '-c statement_timeout=15s' });
    client.on('error', () => this.#clients.delete(client));
    await client.connect();
    this.#clients.add(client);
    const { rows } = await client.query('select pg_backend_pid() as pid');
    const ids = (connection: PgConnection): QueueIds => (this.#ids ??= new QueueIds(connection));
    return { session: new Session(client, this.schema, ids), pid: rows[0].pid };
  }

  /** Ends a connection, whatever it was doing, and waits until the server has noticed. */
  async disconnect({ session, pid }: Backend): Promise<void> {
    this.#clients.delete(session.client);
    await session.client.end().catch(() => undefined);
    await this.gone(pid);
  }

  async gone(pid: number): Promise<void> {
    while ((await this.rows('select from pg_stat_activity where pid = $1', [pid])).length > 0);
  }

  /** A new connection for one that was cut. Incarnations of one process share theirs. */
  async reconnect(worker: Worker): Promise<void> {
    const { pid } = worker;
    const backend = await this.backend();
    for (const one of [...this.workers, ...this.dead]) if (one.pid === pid) Object.assign(one, backend);
  }

  async until(is: () => boolean): Promise<void> {
    while (!is()) await new Promise((resolve) => setTimeout(resolve, 1));
  }

  async #worker(text: string, maxStalled: Readonly<Record<string, number>>, backend: Backend): Promise<Worker> {
    const id = randomUUID();
    await backend.session.work.register(id, {}, false, maxStalled);
    return { ...backend, text, id, maxStalled, claims: new Map(), hands: [], retired: false };
  }

  /** A process that was declared dead starts again with a new id; its old one remains. */
  async rise(worker: Worker, maxStalled: Readonly<Record<string, number>>): Promise<void> {
    this.dead.push(worker);
    const [name, life = '1'] = worker.text.split("'");
    this.workers[this.workers.indexOf(worker)] = await this.#worker(`${name}'${Number(life) + 1}`, maxStalled, {
      session: worker.session,
      pid: worker.pid,
    });
  }

  async transactionBackend(): Promise<Backend> {
    return this.#idle.pop() ?? this.backend();
  }

  release(backend: Backend): void {
    this.#idle.push(backend);
  }

  nextTransaction(): string {
    return `t${++this.#transactions}`;
  }

  get transactions(): Transaction[] {
    return this.oracle.transactions;
  }

  async rows<Row = any>(sql: string, values: unknown[] = []): Promise<Row[]> {
    return (await this.main.session.client.query(sql.replaceAll('S.', `${this.s}.`), values)).rows;
  }

  async value<T>(backend: Backend, call: string, values: unknown[] = []): Promise<T> {
    const { rows } = await backend.session.client.query(`select ${this.s}.${call} as value`, values);
    return rows[0].value;
  }

  async readRings(): Promise<void> {
    for (const { ring, current, draining } of await this.rows('select ring, current, draining from S.ring')) {
      this.oracle.current[ring] = current;
      this.oracle.draining[ring] = draining;
    }
  }

  /** Notes what is about to be done. */
  says(line: string): void {
    this.log.push(line);
  }

  /** Adds to the last line what came of it. */
  came(of: string): void {
    this.log[this.log.length - 1] += ` -> ${of}`;
  }

  count(what: string): void {
    this.tally[what] = (this.tally[what] ?? 0) + 1;
  }

  openHands(worker: Worker, queue?: QueueOracle): Hand[] {
    return worker.hands.filter(({ ended, job }) => ended === undefined && (queue === undefined || job.queue === queue));
  }
}

export const texts = (jobs: readonly Job[]): string =>
  jobs.length === 0 ? 'nothing' : jobs.map(({ text }) => text).join(' ');
export const runText = ({ job, run }: Hand): string => `${job.text}.${run.run}`;
export const RING_NAMES = RINGS.map(({ name }) => name);
