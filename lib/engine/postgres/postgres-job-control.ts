import type { JobControlEngine, ResolvedRetention } from '../job-control-engine.interface.js';
import type { PgConnection } from './connection.js';
import { pause } from '../../utils/pause.js';
import { sqlState } from './connection-faults.js';
import type { Notifier } from './notifier.js';
import type { QueueIds } from './queue-ids.js';

const LOCK_NOT_AVAILABLE = '55P03';
/** Jobs removed in one transaction, which their queue's claims wait for. */
const CLEANED = 50;
/** How often data is tried to be changed that a run under way may be finishing with. */
const TRIES = 20;
/** Between two such tries: ms. */
const AGAIN_AFTER = 100;

/** What is done to jobs and queues from outside of a run: one statement a method. A queue that does not exist has no jobs. */
export class PostgresJobControl implements JobControlEngine {
  readonly #connection: PgConnection;
  readonly #queues: QueueIds;
  readonly #notifier: Notifier;

  constructor(connection: PgConnection, queues: QueueIds, notifier: Notifier) {
    this.#connection = connection;
    this.#queues = queues;
    this.#notifier = notifier;
  }

  async cancel(queue: string, id: string, reason: string): Promise<'waiting' | 'delayed' | 'active' | null> {
    return this.#ofJob<'waiting' | 'delayed' | 'active'>('cancel_job', queue, id, [reason]);
  }

  async promote(queue: string, id: string): Promise<boolean> {
    return this.#waking(await this.#ofJob<string>('promote_job', queue, id, []));
  }

  async updateData(
    queue: string,
    id: string,
    data: string,
    run?: { readonly key: string; readonly run: number },
  ): Promise<boolean> {
    if (run === undefined) {
      for (let tries = 1; ; tries++) {
        try {
          return (await this.#ofJob<boolean>('update_data', queue, id, [data])) === true;
        } catch (error) {
          // a handler completes a job in a transaction that is open
          if (sqlState(error) !== LOCK_NOT_AVAILABLE || tries === TRIES) throw error;
          await pause(AGAIN_AFTER);
        }
      }
    }
    return (await this.#value<boolean>('update_data($1, $2, $3, $4)', queue, [run.key, data, run.run])) === true;
  }

  async changePriority(queue: string, id: string, priority: number): Promise<boolean> {
    return this.#waking(await this.#ofJob<string>('change_priority', queue, id, [priority]));
  }

  async drain(queue: string, delayed: boolean): Promise<number> {
    return Number((await this.#value<string>('drain($1, $2)', queue, [delayed])) ?? 0);
  }

  async setPaused(queue: string, paused: boolean): Promise<void> {
    const queueId = await this.#queues.ensure(queue);
    await this.#value('pause_queue($1, $2)', queue, [paused]);
    this.#notifier.committed([`${paused ? 'p' : 'r'}:${queueId}`]);
  }

  async isPaused(queue: string): Promise<boolean> {
    const { schema } = this.#connection.names;
    const [row] = await this.#connection.query<{ paused: boolean }>(
      `select paused from ${schema}.queue where name = $1`,
      [queue],
    );
    return row?.paused === true;
  }

  async setConcurrency(queue: string, concurrency: number | null): Promise<void> {
    const queueId = await this.#queues.ensure(queue);
    await this.#value('set_concurrency($1, $2)', queue, [concurrency]);
    this.#notifier.committed([`c:${queueId}`]);
  }

  async getConcurrency(queue: string): Promise<number | null> {
    const queueId = await this.#queues.find(queue);
    if (queueId === undefined) return null;
    const [row] = await this.#connection.query<{ concurrency: number }>(
      `select concurrency from ${this.#connection.names.schema}.queue_limits(array[$1::int])`,
      [queueId],
    );
    return row?.concurrency ?? null;
  }

  async clean(queue: string, olderThan: number, limit: number, state: 'completed' | 'failed'): Promise<string[]> {
    const gone: string[] = [];
    for (let after: string | null = '0'; after !== null && gone.length < limit;) {
      const some: { gone: string[]; next: string | null } | null = await this.#value(
        'clean($1, $2, $3, $4, $5)',
        queue,
        [state, olderThan, Math.min(CLEANED, limit - gone.length), after],
      );
      gone.push(...(some?.gone ?? []));
      after = some?.next ?? null;
    }
    return gone;
  }

  async setRetention(queue: string, retention: ResolvedRetention): Promise<void> {
    await this.#queues.ensure(queue);
    await this.#value('set_retention($1, $2)', queue, [JSON.stringify(retention)]);
  }

  /** A function of a queue and a job, by the job's id from outside. */
  async #ofJob<T>(name: string, queue: string, id: string, values: readonly unknown[]): Promise<T | null> {
    const more = values.map((_, i) => `, $${i + 3}`).join('');
    const { schema } = this.#connection.names;
    return this.#value<T>(`${name}($1, ${schema}.find_job($1, $2)${more})`, queue, [id, ...values]);
  }

  async #value<T>(call: string, queue: string, values: readonly unknown[]): Promise<T | null> {
    const queueId = await this.#queues.find(queue);
    if (queueId === undefined) return null;
    const [row] = await this.#connection.query<{ value: T | null }>(
      `select ${this.#connection.names.schema}.${call} as value`,
      [queueId, ...values],
    );
    return row?.value ?? null;
  }

  /** What to notify is what the statement returned: null when there was nothing to do, empty when nobody needs to know. */
  #waking(wake: string | null): boolean {
    if (wake === null) return false;
    if (wake !== '') this.#notifier.committed([wake]);
    return true;
  }
}
