import type { SqlExecutor } from '../../interfaces/transaction.interface.js';
import type {
  AddedJob,
  CountedStates,
  JobDraft,
  JobEngine,
  JobRecord,
  RecordedState,
} from '../job-engine.interface.js';
import type { PgConnection } from './connection.js';
import { isRefusal, sqlState } from './connection-faults.js';
import { type StoredJob, toRecord } from './job-packing.js';
import { JobWriter } from './job-writer.js';
import type { Notifier } from './notifier.js';
import type { QueueIds } from './queue-ids.js';
import { PostgresJobControl } from './postgres-job-control.js';
import { SqlState } from './schema-names.js';

/** The log's producing and looking-up side. */
export class PostgresJobEngine extends PostgresJobControl implements JobEngine {
  readonly #connection: PgConnection;
  readonly #queues: QueueIds;
  readonly #notifier: Notifier;
  readonly #writer: JobWriter;

  constructor(connection: PgConnection, queues: QueueIds, notifier: Notifier) {
    super(connection, queues, notifier);
    this.#connection = connection;
    this.#queues = queues;
    this.#notifier = notifier;
    this.#writer = new JobWriter(connection, queues, notifier);
  }

  async add(queue: string, drafts: readonly JobDraft[], executor?: SqlExecutor): Promise<AddedJob[]> {
    return this.#writer.add(queue, drafts, executor);
  }

  isRefusal(error: unknown): boolean {
    return isRefusal(error);
  }

  async getQueues(): Promise<string[]> {
    const rows = await this.#connection.query<{ name: string }>(
      `select name from ${this.#connection.names.schema}.queue where kind = 'q' order by name`,
    );
    return rows.map(({ name }) => name);
  }

  async getJob(queue: string, id: string): Promise<JobRecord | undefined> {
    const queueId = await this.#queues.find(queue);
    if (queueId === undefined) return undefined;
    const { schema } = this.#connection.names;
    const [row] = await this.#connection.query<{ job: string | null }>(`select ${schema}.get_job($1, $2) as job`, [
      queueId,
      id,
    ]);
    return row?.job === undefined || row.job === null ? undefined : toRecord(JSON.parse(row.job) as StoredJob);
  }

  async getJobs(
    queue: string,
    states: readonly RecordedState[],
    start: number,
    end: number,
    ascending: boolean,
  ): Promise<JobRecord[]> {
    const queueId = await this.#queues.find(queue);
    if (queueId === undefined) return [];
    const found: JobRecord[] = [];
    let skip = start;
    for (const state of states) {
      const wanted = end < 0 ? Number.MAX_SAFE_INTEGER - skip : end - start + 1 - found.length;
      if (wanted <= 0) break;
      const rows = await this.#connection.query<{ job: string | null }>(
        `select job from ${this.#connection.names.schema}.list_jobs($1, $2, $3, $4, $5) job`,
        [queueId, state, skip, wanted, ascending],
      );
      found.push(...rows.flatMap(({ job }) => (job === null ? [] : [toRecord(JSON.parse(job) as StoredJob)])));
      if (rows.length > 0 || skip === 0) skip = 0;
      else skip = Math.max(0, skip - (await this.#count(queueId, state)).jobs);
    }
    return found;
  }

  async getJobCounts(queue: string, states: readonly RecordedState[]): Promise<CountedStates> {
    const counts: Partial<Record<RecordedState, number>> = {};
    const estimated: RecordedState[] = [];
    const queueId = await this.#queues.find(queue);
    for (const state of states) {
      const counted = queueId === undefined ? { jobs: 0, estimated: false } : await this.#count(queueId, state);
      counts[state] = counted.jobs;
      if (counted.estimated) estimated.push(state);
    }
    return { counts: counts as Record<RecordedState, number>, estimated };
  }

  async retryDead(
    queue: string,
    filter: { ids: readonly string[] } | { failedBefore: Date } | { all: true },
  ): Promise<number> {
    const queueId = await this.#queues.find(queue);
    if (queueId === undefined) return 0;
    let retried = 0;
    for (const id of await this.#deadIds(queueId, filter)) {
      if (await this.#retryOne(queueId, id)) retried++;
    }
    return retried;
  }

  async remove(queue: string, id: string): Promise<boolean> {
    const queueId = await this.#queues.find(queue);
    if (queueId === undefined) return false;
    const { schema } = this.#connection.names;
    const [row] = await this.#connection.query<{ removed: boolean | null }>(
      `select ${schema}.remove_job($1, ${schema}.find_job($1, $2)) as removed`,
      [queueId, id],
    );
    return row?.removed === true;
  }

  async #count(queueId: number, state: RecordedState): Promise<{ jobs: number; estimated: boolean }> {
    const [row] = await this.#connection.query<{ jobs: string; estimated: boolean }>(
      `select jobs, estimated from ${this.#connection.names.schema}.count_jobs($1, $2)`,
      [queueId, state],
    );
    return { jobs: Number(row!.jobs), estimated: row!.estimated };
  }

  async #deadIds(
    queueId: number,
    filter: { ids: readonly string[] } | { failedBefore: Date } | { all: true },
  ): Promise<string[]> {
    if ('ids' in filter) return [...filter.ids];
    const { schema } = this.#connection.names;
    const before = 'failedBefore' in filter ? filter.failedBefore.toISOString() : 'infinity';
    const rows = await this.#connection.query<{ id: string }>(
      `select job_id as id from ${schema}.dead where queue_id = $1 and died_at < $2::timestamptz order by died_at, job_id`,
      [queueId, before],
    );
    return rows.map(({ id }) => id);
  }

  /** In a transaction of its own: one whose unique key is taken stays dead and stops no other. */
  async #retryOne(queueId: number, id: string): Promise<boolean> {
    const { schema } = this.#connection.names;
    try {
      const [row] = await this.#connection.query<{ wake: string | null }>(
        `select ${schema}.retry_dead($1, ${schema}.find_job($1, $2)) as wake`,
        [queueId, id],
      );
      if (row?.wake === undefined || row.wake === null) return false;
      this.#notifier.committed([row.wake]);
      return true;
    } catch (error) {
      if (sqlState(error) === SqlState.duplicateKey) return false;
      throw error;
    }
  }
}
