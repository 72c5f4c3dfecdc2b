import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import type { AddedJob, JobDraft, ResolvedJobOptions } from '../../lib/engine/job-engine.interface.js';
import type { PgConnection } from '../../lib/engine/postgres/connection.js';
import type { Notifier } from '../../lib/engine/postgres/notifier.js';
import { PostgresJobEngine } from '../../lib/engine/postgres/postgres-job.engine.js';
import { PostgresMaintenanceEngine } from '../../lib/engine/postgres/postgres-maintenance.engine.js';
import { PostgresWorkerEngine } from '../../lib/engine/postgres/postgres-worker.engine.js';
import { QueueIds } from '../../lib/engine/postgres/queue-ids.js';
import { PostgresBatchEngine } from '../../lib/engine/postgres/streams/postgres-batch.engine.js';
import { PostgresStreamEngine } from '../../lib/engine/postgres/streams/postgres-stream.engine.js';
import { schemaNames } from '../../lib/engine/postgres/schema-names.js';
import type {
  Claim,
  ClaimedRun,
  ClaimRequest,
  FollowUp,
  Refusal,
  RunOutcome,
} from '../../lib/engine/worker-engine.interface.js';
import { type TestDatabase, testDatabase } from './database.js';

/** A job to be added: its options, and what it is called and holds. */
export interface JobSpec extends Partial<ResolvedJobOptions> {
  readonly name?: string;
  readonly data?: unknown;
}

export interface TestQueue {
  readonly name: string;
  readonly id: number;
}

export const many = (count: number, spec: JobSpec = {}): JobSpec[] => Array.from({ length: count }, () => spec);

export const keysOf = (jobs: readonly { readonly key: string }[]): string[] => jobs.map(({ key }) => key);

export function draft({ name = 'job', data = null, ...options }: JobSpec = {}): JobDraft {
  return { name, data: JSON.stringify(data), options: { attempts: 4, priority: 0, ...options } };
}

/** How a run ended: completed, unless something follows. */
export function outcome(
  { key, run, lease }: ClaimedRun,
  followUp?: FollowUp,
  output: string | null = null,
): RunOutcome {
  return { key, run, lease, ran: 1, output, ...(followUp !== undefined && { followUp }) };
}

/** The SQLSTATE that a statement fails with; 'none' when it does not. */
export async function failure(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'none',
    (error: { code?: string }) => error.code ?? 'an error without a code',
  );
}

/** The engine's own statements on one connection, so that a test decides about its transactions. It notifies nobody. */
export class Session {
  readonly client: pg.Client;
  readonly jobs: PostgresJobEngine;
  readonly work: PostgresWorkerEngine;
  readonly upkeep: PostgresMaintenanceEngine;
  readonly streams: PostgresStreamEngine;
  readonly batches: PostgresBatchEngine;

  constructor(client: pg.Client, schema: string, ids: (connection: PgConnection) => QueueIds) {
    const connection = {
      names: schemaNames(schema),
      query: async (statement: string | { text: string }, values: unknown[]) =>
        (await client.query(typeof statement === 'string' ? statement : statement.text, values)).rows,
      use: async (work: (lent: pg.Client) => Promise<unknown>) => work(client),
    } as unknown as PgConnection;
    const silent = {
      committed() {},
      uncommitted() {},
      mayNotifyAlong: () => false,
      takeAlong: () => undefined,
    } as unknown as Notifier;
    this.client = client;
    this.jobs = new PostgresJobEngine(connection, ids(connection), silent);
    this.work = new PostgresWorkerEngine(connection, ids(connection), silent);
    this.upkeep = new PostgresMaintenanceEngine(connection);
    const streamIds = new QueueIds(connection, 'stream');
    this.streams = new PostgresStreamEngine(connection, streamIds, silent);
    this.batches = new PostgresBatchEngine(connection, streamIds, this.streams, silent);
  }

  async add(queue: TestQueue, ...specs: JobSpec[]): Promise<AddedJob[]> {
    return this.jobs.add(queue.name, (specs.length === 0 ? [{}] : specs).map(draft), this.client);
  }

  /** Adds in a transaction that stays open. */
  async begin(queue: TestQueue, ...specs: JobSpec[]): Promise<AddedJob[]> {
    await this.client.query('begin');
    return this.add(queue, ...specs);
  }

  async commit(): Promise<void> {
    await this.client.query('commit');
  }

  async rollback(): Promise<void> {
    await this.client.query('rollback');
  }
}

/** A process that claims, as the runtime would, on a connection of its own. */
export class TestWorker {
  readonly id = randomUUID();
  readonly session: Session;
  #claimNo = 0;

  constructor(session: Session) {
    this.session = session;
  }

  async claim(queue: TestQueue, request: Partial<ClaimRequest> = {}): Promise<Claim> {
    const standard = {
      want: 100_000,
      maxBytes: 1e9,
      lanes: null,
      names: null,
      again: false,
      full: null,
      suspect: false,
      places: null,
    };
    const claimNo = request.claimNo ?? ++this.#claimNo;
    return this.session.work.claim(this.id, { queueId: queue.id, ...standard, ...request, claimNo });
  }

  async claimKeys(queue: TestQueue, request?: Partial<ClaimRequest>): Promise<string[]> {
    return keysOf((await this.claim(queue, request)).runs);
  }

  async finish(queue: TestQueue, outcomes: readonly RunOutcome[], mayHaveEnded = false): Promise<Refusal[]> {
    return this.session.work.finish(this.id, queue.id, outcomes, mayHaveEnded);
  }

  /** Ends every run in the same way. */
  async endAll(queue: TestQueue, runs: readonly ClaimedRun[], followUp?: FollowUp): Promise<Refusal[]> {
    return this.finish(
      queue,
      runs.map((run) => outcome(run, followUp)),
    );
  }
}

export interface TestEngine {
  readonly database: TestDatabase;
  /** The schema, quoted. */
  readonly s: string;
  /** On the connection to look at the database with. */
  readonly main: Session;
  /** On a new connection. */
  session(): Promise<Session>;
  worker(): Promise<TestWorker>;
  queue(): Promise<TestQueue>;
  /** Rotates a ring, and reclaims what it had before; returns what became of that. `few` as reclaim()'s. */
  turn(ring: string, few?: number): Promise<string>;
  /** Directs what is written from now on to a segment of a ring, as a rotation does. */
  switchRing(ring: string, segment: number): Promise<void>;
  state(queue: TestQueue, job: { readonly id: string }): Promise<string | undefined>;
  rows<Row = any>(sql: string, values?: unknown[]): Promise<Row[]>;
}

let queues = 0;

/** A migrated schema for this file, and the engine on as many connections as a test needs. */
export function testEngine({ alone = false } = {}): TestEngine {
  const database = testDatabase({ migrated: true, alone });
  const names = schemaNames(database.schema);
  let ids: QueueIds | undefined;
  const known = (connection: PgConnection): QueueIds => (ids ??= new QueueIds(connection));
  let main: Session | undefined;
  const engine: TestEngine = {
    database,
    s: names.schema,
    get main() {
      return (main ??= new Session(database.client, database.schema, known));
    },
    async session() {
      return new Session(await database.connect(), database.schema, known);
    },
    async worker() {
      const worker = new TestWorker(await engine.session());
      await worker.session.work.register(worker.id, {}, true, {});
      return worker;
    },
    async queue() {
      const name = `queue ${++queues}`;
      return { name, id: await engine.main.work.ensureQueue(name) };
    },
    async turn(ring, few = 10_000) {
      const { client } = database;
      const current = `select current, draining from ${names.schema}.ring where ring = $1`;
      const [before] = (await client.query(current, [ring])).rows;
      const { rows } = await client.query(`select ${names.schema}.rotate($1, interval '0') as rotated`, [ring]);
      if (rows[0].rotated !== true) return 'not rotated';
      await client.query(`select ${names.schema}.settle($1)`, [ring]);
      const became = await client.query(`select ${names.schema}.reclaim($1, $2, $3) as became`, [
        ring,
        before.current,
        few,
      ]);
      return became.rows[0].became;
    },
    async switchRing(ring, segment) {
      await database.client.query(`select ${names.schema}.switch_ring($1, $2, null, clock_timestamp())`, [
        ring,
        segment,
      ]);
    },
    async state(queue, { id }) {
      return (await engine.main.jobs.getJob(queue.name, id))?.state;
    },
    async rows(sql, values = []) {
      return (await database.client.query(sql, values)).rows;
    },
  };
  return engine;
}
