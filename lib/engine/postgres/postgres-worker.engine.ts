import { hostname } from 'node:os';
import { LeaseLostError } from '../../errors/lease-lost.error.js';
import { UnknownGroupError } from '../../errors/unknown-group.error.js';
import { WorkerDeadError } from '../../errors/worker-dead.error.js';
import type { SqlExecutor } from '../../interfaces/transaction.interface.js';
import type {
  BatchClaim,
  BatchRequest,
  Claim,
  ClaimRequest,
  HandledNames,
  OpenRun,
  Promotion,
  Refusal,
  RunOutcome,
  TakenRun,
  WorkerEngine,
} from '../worker-engine.interface.js';
import { adopt, adopting } from './adopting.js';
import { type ClaimRow, unpackClaim } from './claim-unpacking.js';
import type { PgConnection } from './connection.js';
import { sqlState } from './connection-faults.js';
import type { Notifier } from './notifier.js';
import { packOutcomes } from './outcome-packing.js';
import type { PostgresListener } from './postgres-listener.js';
import type { QueueIds } from './queue-ids.js';
import { SqlState } from './schema-names.js';
import { serverError } from '../../utils/server-error.js';
import type { Statement } from './statement.js';
import { type BatchRow, unpackBatch } from './streams/batch-unpacking.js';
import { EVENT_COLUMNS } from './streams/event-packing.js';

/** A run that has ended already. */
const UNIQUE_VIOLATION = '23505';

/** The log's processing side: one statement a method. */
export class PostgresWorkerEngine implements WorkerEngine {
  readonly #connection: PgConnection;
  readonly #queues: QueueIds;
  readonly #notifier: Notifier;
  readonly #listener: PostgresListener | undefined;

  constructor(connection: PgConnection, queues: QueueIds, notifier: Notifier, listener?: PostgresListener) {
    this.#connection = connection;
    this.#queues = queues;
    this.#notifier = notifier;
    this.#listener = listener;
  }

  isDataError(error: unknown): boolean {
    // data exceptions, broken constraints, limits of the program
    return /^(22|23|54)/.test(sqlState(error) ?? '');
  }

  async ensureQueue(name: string): Promise<number> {
    return this.#queues.ensure(name);
  }

  onLocalWake(listener: (wakes: readonly string[]) => void): () => void {
    return this.#notifier.onLocal(listener);
  }

  async register(
    worker: string,
    handles: HandledNames,
    listening: boolean,
    maxStalled: Readonly<Record<string, number>>,
  ): Promise<void> {
    await adopt(this.#connection, false);
    await this.#call('register_worker($1, $2, $3, $4, $5, $6)', [
      worker,
      hostname(),
      process.pid,
      JSON.stringify(handles),
      listening,
      JSON.stringify(maxStalled),
    ]);
  }

  async limits(queueIds: readonly number[]): Promise<ReadonlyMap<number, number>> {
    const rows = await this.#connection.query<{ queue_id: number; concurrency: number }>(
      `select queue_id, concurrency from ${this.#connection.names.schema}.queue_limits($1)`,
      [queueIds],
    );
    return new Map(rows.map(({ queue_id, concurrency }) => [queue_id, concurrency]));
  }

  async beat(worker: string, inFlight: number, listening: boolean): Promise<boolean> {
    const statement = `select ${this.#connection.names.schema}.beat($1, $2, $3) as alive`;
    const values = [worker, inFlight, listening];
    // a pool that the application has used up must not let a process look dead
    if (!this.#connection.hasRoom && this.#listener?.listening === true) {
      const heard = await this.#listener.query<{ alive: boolean }>(statement, values).catch(() => undefined);
      if (heard !== undefined) return heard[0]!.alive;
    }
    const [row] = await this.#connection.query<{ alive: boolean }>(statement, values);
    return row!.alive;
  }

  async retire(worker: string): Promise<void> {
    await this.#call('retire_worker($1)', [worker]);
  }

  async claim(worker: string, request: ClaimRequest): Promise<Claim> {
    const { queueId, claimNo, want, maxBytes, lanes, names, again, full, suspect, places } = request;
    try {
      const rows = await this.#adopting<ClaimRow>(
        {
          text: `select lane, n, job_ids, runs, attempts, max_attempts, created, names, options, meta, payloads, status
from ${this.#connection.names.schema}.claim($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
        },
        [
          queueId,
          worker,
          claimNo,
          want,
          maxBytes,
          lanes,
          names,
          again,
          full,
          suspect,
          places && JSON.stringify(places),
        ],
      );
      return unpackClaim(rows, claimNo);
    } catch (error) {
      if (sqlState(error) === SqlState.workerDead) throw new WorkerDeadError((error as Error).message);
      throw error;
    }
  }

  async takeBatch(worker: string, request: BatchRequest): Promise<BatchClaim> {
    const { groupId, claimNo, limit, maxBytes, again } = request;
    try {
      const rows = await this.#adopting<BatchRow>(
        {
          text: `select lane, n, job_id, at_s0, at_s1, ${EVENT_COLUMNS}, tries, held, look_in, status
from ${this.#connection.names.schema}.take_batch($1, $2, $3, $4, $5, $6)`,
        },
        [groupId, worker, claimNo, limit, maxBytes, again],
      );
      return unpackBatch(rows, claimNo);
    } catch (error) {
      if (sqlState(error) === SqlState.workerDead) throw new WorkerDeadError((error as Error).message);
      if (sqlState(error) === SqlState.noSuchGroup) throw new UnknownGroupError((error as Error).message);
      throw error;
    }
  }

  async finish(
    worker: string,
    queueId: number,
    outcomes: readonly RunOutcome[],
    mayHaveEnded: boolean,
  ): Promise<Refusal[]> {
    const packed = packOutcomes(outcomes);
    const values = [queueId, worker, ...packed.values];
    try {
      return await this.#finish([...values, !mayHaveEnded, packed.claims]);
    } catch (error) {
      if (sqlState(error) !== UNIQUE_VIOLATION) throw error;
      return this.#finish([...values, false, packed.claims]);
    }
  }

  async #finish(values: unknown[]): Promise<Refusal[]> {
    const rows = await this.#connection.query<{ job_id: string; run: number; state: string | null }>(
      {
        text: `select job_id, run, state
from ${this.#connection.names.schema}.finish($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
      },
      values,
    );
    return rows.map(({ job_id, run, state }) => ({ key: job_id, run, state }));
  }

  async promote(queueId: number, limit: number, room = limit): Promise<Promotion> {
    const [row] = await this.#adopting<{
      lanes: number[];
      next_due: number | null;
      more: boolean;
      now: number;
    }>(`select lanes, next_due, more, now from ${this.#connection.names.schema}.promote($1, $2, $3)`, [
      queueId,
      limit,
      room,
    ]);
    const { lanes, next_due, more, now } = row!;
    return { lanes, more, nextDueIn: next_due === null ? null : Math.max(0, next_due - now) };
  }

  async completeIn(
    executor: SqlExecutor,
    worker: string,
    queueId: number,
    outcome: Pick<RunOutcome, 'key' | 'run' | 'lease' | 'ran' | 'output'>,
  ): Promise<void> {
    const { key, run, lease, ran, output } = outcome;
    const { schema } = this.#connection.names;
    try {
      await executor.query(
        `select ${schema}.complete_in($1::text::int, $2::text::uuid, $3::text::int, $4::text::bigint, $5::text::bigint,
 $6::text::int, $7::text::int, $8::text, $9::text::bigint) as state`,
        [
          String(queueId),
          worker,
          String(lease.lane),
          lease.n,
          key,
          String(run),
          String(Math.round(ran)),
          output,
          String(lease.claimNo),
        ],
      );
    } catch (error) {
      if (serverError(error)?.code !== SqlState.leaseLost) throw error;
      // in the server's words a driver may have put its statement
      const what = `Job ${key} was taken from this worker: its run ${run} has ended or its lease is gone`;
      throw new LeaseLostError(what, { cause: error });
    }
  }

  async openRuns(worker: string, olderThan: number): Promise<OpenRun[]> {
    const rows = await this.#connection.query<{
      queue_id: number;
      lane: number;
      n: string;
      claim_no: string;
      job_id: string;
      run: number;
      is_batch: boolean;
    }>(
      `select queue_id, lane, n, claim_no, job_id, run, is_batch
from ${this.#connection.names.schema}.open_runs($1, $2::float8 * interval '1 millisecond')`,
      [worker, olderThan],
    );
    return rows.map(({ queue_id, lane, n, claim_no, job_id, run, is_batch }) => ({
      queueId: queue_id,
      key: job_id,
      run,
      lease: { lane, n, claimNo: Number(claim_no) },
      isBatch: is_batch,
    }));
  }

  async runsTaken(
    queueId: number,
    runs: readonly { readonly key: string; readonly run: number }[],
  ): Promise<TakenRun[]> {
    const rows = await this.#connection.query<{
      job_id: string;
      run: number;
      state: TakenRun['state'];
      why: string | null;
    }>(`select job_id, run, state, why from ${this.#connection.names.schema}.runs_taken($1, $2, $3)`, [
      queueId,
      `{${runs.map(({ key }) => key).join(',')}}`,
      `{${runs.map(({ run }) => run).join(',')}}`,
    ]);
    return rows.map(({ job_id, run, state, why }) => ({ key: job_id, run, state, why }));
  }

  async releaseEnded(groupId: number): Promise<void> {
    await this.#call('release_ended($1)', [groupId]);
  }

  async #adopting<Row extends object>(statement: string | Statement, values: unknown[]): Promise<Row[]> {
    return adopting<Row>(this.#connection, statement, values);
  }

  async #call<Row extends object>(call: string, values: unknown[]): Promise<Row[]> {
    return this.#connection.query<Row>(`select ${this.#connection.names.schema}.${call}`, values);
  }
}
