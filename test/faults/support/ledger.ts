import { quoteIdentifier } from '../../../lib/utils/quote-identifier.js';
import type pg from 'pg';
import { until } from '../../support/signals.js';

/** One run of a handler, as it wrote it down itself. */
export interface LedgerRun {
  readonly id: string;
  readonly name: string;
  readonly key: string;
  readonly job: string;
  readonly attempt: number;
  readonly pid: number;
  /** Epoch milliseconds by the database's clock. */
  readonly started: number;
  readonly ended: number | null;
  readonly outcome: string | null;
}

export interface Judgement {
  readonly lost: readonly string[];
  /** Runs beyond a job's first that nothing excuses. */
  readonly unexplained: readonly string[];
  readonly reasons: ReadonlyMap<string, number>;
  readonly runs: ReadonlyMap<string, readonly LedgerRun[]>;
}

/** A lease is not flushed before its jobs run; a result is, and its lease with it. */
export const LOST_LEASE = 'its lease or its result was not yet durable when the server went down (at least once)';

/** Why a job ran again after this run of it; undefined: it had no right to. */
export type Excuse = (run: LedgerRun, next: LedgerRun) => string | undefined;

/** What handlers wrote down about themselves, apart from the queue's own tables: what really ran. */
export class Ledger {
  readonly #client: pg.Client;
  readonly #queueSchema: string;
  readonly schema: string;
  /** Where the queue is; it may come back elsewhere. */
  queueClient: pg.Client;

  constructor(client: pg.Client, queueClient: pg.Client, queueSchema: string) {
    this.#client = client;
    this.queueClient = queueClient;
    this.#queueSchema = quoteIdentifier(queueSchema);
    this.schema = `${queueSchema}_ledger`;
  }

  async create(): Promise<void> {
    await this.#client.query(`create schema ${this.schema};
create table ${this.schema}.run (
  id uuid primary key, queue text not null, name text not null, key text not null, job text not null, attempt int not null,
  pid int not null, started timestamptz not null default clock_timestamp(), ended timestamptz, outcome text
);
create table ${this.schema}.effect (key text not null, pid int not null, at timestamptz not null default clock_timestamp())`);
  }

  async drop(): Promise<void> {
    await this.#client.query(`drop schema if exists ${this.schema} cascade`);
  }

  async runs(queue: string): Promise<LedgerRun[]> {
    const { rows } = await this.#client.query<LedgerRun>(
      `select id, name, key, job, attempt, pid, outcome, extract(epoch from started)::float8 * 1000 as started,
extract(epoch from ended)::float8 * 1000 as ended from ${this.schema}.run where queue = $1 order by run.started, id`,
      [queue],
    );
    return rows;
  }

  /** How many jobs have a run that ended so. */
  async done(queue: string, outcome = 'done'): Promise<number> {
    const { rows } = await this.#client.query(
      `select count(distinct key)::int as n from ${this.schema}.run where queue = $1 and outcome = $2`,
      [queue, outcome],
    );
    return rows[0].n;
  }

  /** Jobs whose effect was committed, and how often. */
  async effects(): Promise<Map<string, number>> {
    const { rows } = await this.#client.query(`select key, count(*)::int as n from ${this.schema}.effect group by key`);
    return new Map(rows.map(({ key, n }) => [key, n]));
  }

  /**
   * How each job ended by the queue's own tables: results that end a job, by its key. More than one would be a job that
   * ended twice.
   */
  async ends(queue: string): Promise<Map<string, string>> {
    const s = this.#queueSchema;
    const { rows } = await this.queueClient.query(
      `with run as (select distinct e.queue_id, e.job_id, e.payload::jsonb->>'k' as key
  from (select queue_id, job_id, payload from ${s}.entry union all select queue_id, job_id, payload from ${s}.delayed) e
  join ${s}.queue q on q.queue_id = e.queue_id where q.name = $1)
select run.key, coalesce(string_agg(r.state::text, '' order by r.finished_at), '') as ends from run
  left join ${s}.result r on r.queue_id = run.queue_id and r.job_id = run.job_id and r.state in ('c', 'f', 'x', 'd')
 group by run.key`,
      [queue],
    );
    return new Map(rows.map(({ key, ends }) => [key, ends]));
  }

  /** Waits until nothing of these jobs is left to run: each has ended once, by the queue's tables. */
  async quiet(queue: string, keys: readonly string[], within: number): Promise<Map<string, string>> {
    let ends = new Map<string, string>();
    let open: string[] = [];
    const started = performance.now();
    const describe = (): string => `${open.length} of ${keys.length} jobs to end (${open.slice(0, 5).join()})`;
    while (performance.now() - started < within) {
      ends = await this.ends(queue);
      open = keys.filter((key) => (ends.get(key) ?? '') === '');
      if (open.length === 0) return ends;
      await new Promise((resolve) => setTimeout(resolve, keys.length > 2_000 ? 500 : 100));
    }
    await until(describe(), () => open.length === 0, 0);
    return ends;
  }

  /** Compares what ran with what was added and should have been done. `failing`: jobs that could not be. */
  async judge(
    queue: string,
    keys: readonly string[],
    excuse: Excuse,
    failing: readonly string[] = [],
  ): Promise<Judgement> {
    const runs = new Map<string, LedgerRun[]>([...keys, ...failing].map((key) => [key, []]));
    for (const run of await this.runs(queue)) runs.get(run.key)?.push(run);
    const reasons = new Map<string, number>();
    const unexplained: string[] = [];
    for (const [key, its] of runs) {
      for (const [i, run] of its.slice(0, -1).entries()) {
        const why = excuse(run, its[i + 1]!);
        if (why === undefined) unexplained.push(`${key}: ${JSON.stringify(its)}`);
        else reasons.set(why, (reasons.get(why) ?? 0) + 1);
      }
    }
    const lost = keys.filter((key) => runs.get(key)?.some(({ outcome }) => outcome === 'done') !== true);
    return { lost, unexplained, reasons, runs };
  }
}
