import type {
  GroupCheck,
  MaintenanceEngine,
  Recovery,
  RotationLimits,
  UpkeepTask,
  WorkerSeen,
} from '../maintenance-engine.interface.js';
import type { PgConnection } from './connection.js';
import { sqlState } from './connection-faults.js';
import { longWork } from './long-work.js';

/** Runs recovered in one transaction. */
const RECOVERED = 500;
/** What a worker claimed in this time before it died is looked for first. */
const RECENT = '3 minutes';
/** Dead jobs deleted in one transaction. */
const PURGED = 1_000;
/** Events that a group loses in one transaction. */
const DROPPED = 10_000;
/** So many survivors of a segment are simply copied to the current one. */
const FEW = 10_000;
/** After a segment was closed, those who still write to it have this long before it is asked for: ms. */
const CLOSED_FOR = 5_000;
/** Before a segment is asked for again that was busy, that was still needed, or that could not be reclaimed: ms. */
const BUSY_PAUSE = 5_000;
const KEPT_PAUSE = 15_000;
const FAILED_PAUSE = 60_000;
const LOCK_NOT_AVAILABLE = '55P03';

/** The log's upkeep: one statement a method. */
export class PostgresMaintenanceEngine implements MaintenanceEngine {
  readonly #connection: PgConnection;

  constructor(connection: PgConnection) {
    this.#connection = connection;
  }

  async workersSeen(): Promise<WorkerSeen[]> {
    return this.#query<WorkerSeen>(`select worker, dead, pulse, listening from ${this.#s}.workers_seen()`);
  }

  async unheld(workers: readonly string[]): Promise<ReadonlySet<string>> {
    const rows = await this.#query<{ worker: string }>(
      `select w as worker from unnest($1::uuid[]) w where ${this.#s}.worker_is_unheld(w)`,
      [workers],
    );
    return new Set(rows.map(({ worker }) => worker));
  }

  async bury(worker: string, pulse: string, force: boolean): Promise<boolean> {
    const [row] = await this.#query<{ dead: boolean }>(`select ${this.#s}.bury_worker($1, $2, $3) as dead`, [
      worker,
      pulse,
      force,
    ]);
    return row!.dead;
  }

  async queueIds(): Promise<number[]> {
    return (
      await this.#query<{ id: number }>(`select queue_id as id from ${this.#s}.queue where kind <> 's' order by 1`)
    ).map(({ id }) => id);
  }

  async recover(queueId: number, worker: string, recent: boolean): Promise<Recovery> {
    const since = recent ? `clock_timestamp() - interval '${RECENT}'` : `'-infinity'`;
    const call = `select lost, stalled, locked, more from ${this.#s}.recover_runs($1, $2, ${since}, ${RECOVERED})`;
    if (recent) return (await this.#query<Recovery>(call, [queueId, worker]))[0]!;
    // a look at all leases may take longer than any other statement
    return longWork(
      this.#connection,
      async (client) => (await client.query<Recovery>(call, [queueId, worker])).rows[0]!,
    );
  }

  async retire(worker: string): Promise<void> {
    await this.#query(`select ${this.#s}.retire_worker($1)`, [worker]);
  }

  async orphans(): Promise<string[]> {
    return (await this.#query<{ worker: string }>(`select worker from ${this.#s}.orphans() worker`)).map(
      ({ worker }) => worker,
    );
  }

  async dueTasks({ rows, bytes, age }: RotationLimits): Promise<UpkeepTask[]> {
    return this.#query<UpkeepTask>(
      `select task, ring, segment from ${this.#s}.upkeep_due($1, $2, $3::float8 * interval '1 millisecond')`,
      [rows, bytes, age],
    );
  }

  async take(task: string): Promise<boolean> {
    return (await this.#query<{ taken: boolean }>(`select ${this.#s}.take_task($1) as taken`, [task]))[0]!.taken;
  }

  async rotate(ring: string): Promise<boolean> {
    const kept =
      ({ entry: `+ ${this.#s}.shortest_retention()`, event: `+ ${this.#s}.shortest_kept()` } as Record<string, string>)[
        ring
      ] ?? '';
    return this.#unlessBusy(
      async () =>
        (
          await this.#query<{ rotated: boolean }>(
            `select ${this.#s}.rotate($1, interval '${CLOSED_FOR} ms' ${kept}) as rotated`,
            [ring],
          )
        )[0]!.rotated,
      false,
    );
  }

  async settle(ring: string): Promise<boolean> {
    return (await this.#query<{ settled: boolean }>(`select ${this.#s}.settle($1) as settled`, [ring]))[0]!.settled;
  }

  async reclaim(ring: string, segment: number, signal?: AbortSignal): Promise<string> {
    const call = `select ${this.#s}.reclaim($1, $2, ${FEW}) as became`;
    let became: string;
    try {
      became = await this.#unlessBusy(
        async () =>
          longWork(
            this.#connection,
            async (client) => (await client.query<{ became: string }>(call, [ring, segment])).rows[0]!.became,
            signal,
          ),
        'busy',
      );
    } catch (error) {
      // what it had copied is dead rows now: not again at once
      await this.#lookLater(ring, segment, FAILED_PAUSE).catch(() => undefined);
      throw error;
    }
    if (became !== 'reclaimed' && became !== 'elsewhere') {
      await this.#lookLater(ring, segment, became === 'busy' ? BUSY_PAUSE : KEPT_PAUSE);
    }
    return became;
  }

  async #lookLater(ring: string, segment: number, pause: number): Promise<void> {
    await this.#query(`select ${this.#s}.look_later($1, $2, $3::float8 * interval '1 millisecond')`, [
      ring,
      segment,
      pause,
    ]);
  }

  async purgeDead(queueId: number): Promise<number> {
    return (
      await this.#query<{ purged: number }>(`select ${this.#s}.purge_dead($1, ${PURGED}) as purged`, [queueId])
    )[0]!.purged;
  }

  async purgeDrained(): Promise<void> {
    await this.#query(`select ${this.#s}.purge_drained()`);
  }

  async noteStreams(): Promise<void> {
    await this.#query(`select ${this.#s}.note_streams()`);
  }

  async groupIds(): Promise<number[]> {
    const rows = await this.#query<{ id: number }>(
      `select queue_id as id from ${this.#s}.queue where kind = 'g' order by 1`,
    );
    return rows.map(({ id }) => id);
  }

  async checkGroup(groupId: number): Promise<GroupCheck | undefined> {
    const [row] = await this.#query<GroupCheck & { stream: string | null }>(
      `select stream, consumer_group as "group", events::float8, date_part('epoch', clock_timestamp() - oldest) * 1000 as age,
              drop_after as "dropAfter", dropped::float8, dropped_since::float8 as "droppedSince", more, says
         from ${this.#s}.check_group($1, ${DROPPED})`,
      [groupId],
    );
    return row!.stream === null ? undefined : row;
  }

  async #unlessBusy<T>(work: () => Promise<T>, busy: T): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (sqlState(error) === LOCK_NOT_AVAILABLE) return busy;
      throw error;
    }
  }

  /** The schema, quoted. */
  get #s(): string {
    return this.#connection.names.schema;
  }

  async #query<Row extends object>(text: string, values: unknown[] = []): Promise<Row[]> {
    return this.#connection.query<Row>(text, values);
  }
}
