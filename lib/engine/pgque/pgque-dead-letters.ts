import type { DeadEvent, DeadEventFilter } from '../batch-engine.interface.js';
import type { PgConnection } from '../postgres/connection.js';
import { EVENT_COLUMNS, type PgqueEventRow, readEvent } from './pgque-event.js';
import { isRaised, readId } from './pgque-faults.js';

/** As many as there are: PgQue counts in an integer. */
const ALL = 2 ** 31 - 1;

/** $1 queue, $2 consumer or null, $3 limit. PgQue lists a queue's, the newest first. */
const INSPECT = `select d.dl_id::text as letter, c.co_name as consumer, d.dl_reason as reason,
  floor(extract(epoch from d.dl_time) * 1000)::text as dead_at, ${EVENT_COLUMNS.replaceAll('ev_', 'd.ev_')}
from pgque.dlq_inspect($1::text, ${ALL}) with ordinality d
join pgque.consumer c on c.co_id = d.dl_consumer_id
where $2::text is null or c.co_name = $2::text
order by d.ordinality
limit $3::int`;

const REPLAY = `select pgque.dlq_replay($1::bigint)::text as id`;
const REPLAY_ALL = `select r.replayed::text, r.first_error from pgque.dlq_replay_all($1::text) r`;
const PURGE = `select pgque.dlq_purge($1::text, $2::float8 * interval '1 ms')::text as purged`;

interface LetterRow extends PgqueEventRow {
  readonly letter: string;
  readonly consumer: string;
  readonly reason: string | null;
  readonly dead_at: string;
}

/** The dead letters of a PgQue installation. */
export class PgqueDeadLetters {
  readonly #connection: PgConnection;

  constructor(connection: PgConnection) {
    this.#connection = connection;
  }

  async list({ stream, group }: DeadEventFilter, limit: number): Promise<DeadEvent[]> {
    const rows = await this.#connection.query<LetterRow>(INSPECT, [stream, group ?? null, limit]);
    return rows.map(({ letter, consumer, reason, dead_at, ...event }) => ({
      id: letter,
      group: consumer,
      event: readEvent(event),
      reason: reason ?? '',
      at: Number(dead_at),
    }));
  }

  /** Each becomes a new event, which every consumer of its queue gets: PgQue has no function that sends it to one. */
  async replay(which: string | DeadEventFilter): Promise<number> {
    if (typeof which === 'string') return this.#replayOne(which);
    if (which.group === undefined) return this.#replayAll(which.stream);
    const letters = await this.list(which, ALL);
    let replayed = 0;
    for (const { id } of letters.toReversed()) replayed += await this.#replayOne(id);
    return replayed;
  }

  async purge(queue: string, olderThan: number): Promise<number> {
    const [row] = await this.#connection.query<{ purged: string }>(PURGE, [queue, olderThan]);
    return Number(row!.purged);
  }

  async #replayOne(id: string): Promise<number> {
    if (readId(id) === undefined) return 0;
    try {
      await this.#connection.query(REPLAY, [id]);
      return 1;
    } catch (error) {
      if (isRaised(error, /dead letter entry not found/i)) return 0;
      throw error;
    }
  }

  async #replayAll(queue: string): Promise<number> {
    const [row] = await this.#connection.query<{ replayed: string; first_error: string | null }>(REPLAY_ALL, [queue]);
    // it goes on after one that fails: what was replayed is not undone by an error
    if (row!.replayed === '0' && row!.first_error !== null) throw new Error(row!.first_error);
    return Number(row!.replayed);
  }
}
