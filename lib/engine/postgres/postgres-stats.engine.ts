import type { PgQueueStats, ProcessStats, QueueStats, StorageStats } from '../../interfaces/stats.interface.js';
import type { JobState } from '../../interfaces/job-state.interface.js';
import type { StatsEngine } from '../stats-engine.interface.js';
import type { PgConnection } from './connection.js';

interface QueueRow extends Record<Exclude<JobState, 'failed'>, string> {
  readonly queue: string;
  readonly paused: boolean;
  readonly dead: string;
  readonly estimated: (JobState | 'dead')[];
  readonly oldest: number | null;
  readonly unhandled: Record<string, number>;
}

/** The views, as objects. */
export class PostgresStatsEngine implements StatsEngine {
  readonly #connection: PgConnection;

  constructor(connection: PgConnection) {
    this.#connection = connection;
  }

  async stats(): Promise<PgQueueStats> {
    const [queues, processes, storage] = [await this.#queues(), await this.#processes(), await this.#storage()];
    return { queues, processes, storage };
  }

  async #queues(): Promise<Record<string, QueueStats>> {
    const rows = await this.#connection.query<QueueRow>(
      `select queue, paused, waiting, delayed, active, completed, dead, estimated, unhandled,
              date_part('epoch', clock_timestamp() - oldest_waiting) * 1000 as oldest
         from ${this.#connection.names.schema}.queue_stats order by queue`,
    );
    return Object.fromEntries(
      rows.map(({ queue, paused, oldest, unhandled, estimated, dead, ...counts }) => [
        queue,
        {
          counts: {
            waiting: Number(counts.waiting),
            delayed: Number(counts.delayed),
            active: Number(counts.active),
            completed: Number(counts.completed),
            failed: Number(dead),
            estimated: estimated.map((state) => (state === 'dead' ? 'failed' : state)),
          },
          oldestWaitingMs: milliseconds(oldest),
          unhandled,
          paused,
        },
      ]),
    );
  }

  async #processes(): Promise<ProcessStats[]> {
    const rows = await this.#connection.query<ProcessStats & { seen: number | null }>(
      `select worker as id, host, pid, in_flight as "inFlight", wake_up as "wakeUp",
              date_part('epoch', clock_timestamp() - coalesce(last_seen, started_at)) * 1000 as seen,
              array(select jsonb_object_keys(handles) order by 1) as queues
         from ${this.#connection.names.schema}.process_stats where not dead order by started_at`,
    );
    return rows.map(({ seen, id, host, pid, inFlight, wakeUp, queues }) => ({
      id,
      host,
      pid,
      lastSeenMs: milliseconds(seen) ?? 0,
      inFlight,
      wakeUp,
      queues,
    }));
  }

  async #storage(): Promise<StorageStats> {
    const { schema } = this.#connection.names;
    const [ages] = await this.#connection.query<{ snapshot: number | null; transaction: number | null }>(
      `select date_part('epoch', oldest_snapshot) * 1000 as snapshot, date_part('epoch', longest_transaction) * 1000 as transaction
         from ${schema}.storage_stats`,
    );
    const segments = await this.#connection.query<{
      table: string;
      rows: string;
      bytes: string;
      state: StorageStats['segments'][number]['state'];
    }>(`select "table", rows, bytes, state from ${schema}.segment_stats order by "table"`);
    return {
      oldestSnapshotMs: milliseconds(ages!.snapshot),
      longestTransactionMs: milliseconds(ages!.transaction),
      segments: segments.map(({ table, rows, bytes, state }) => ({
        table,
        rows: Number(rows),
        bytes: Number(bytes),
        state,
      })),
    };
  }
}

function milliseconds(value: number | null): number | null {
  return value === null ? null : Math.max(0, Math.round(value));
}
