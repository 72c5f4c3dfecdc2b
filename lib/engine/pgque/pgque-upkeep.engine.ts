import type { PgConnection } from '../postgres/connection.js';
import type { PgqueUpkeepEngine, QueueTicks } from '../pgque-upkeep.interface.js';

/** What upkeep calls. */
const FUNCTIONS = [
  'ticker(text)',
  'maint_retry_events()',
  'maint()',
  'maint_rotate_tables_step1(text)',
  'maint_rotate_tables_step2()',
  'seq_getval(text)',
];

const MAY_TICK = `select bool_and(coalesce(has_function_privilege(to_regprocedure('pgque.' || f), 'execute'), false)) as may
from unnest($1::text[]) f`;

/** $1 queues, $2 a tick of each. seq_getval() is what ticker() itself counts by. */
const TICKS = `select q.queue_name as queue, t.tick_id::text as tick,
  (extract(epoch from clock_timestamp() - t.tick_time) * 1000)::text as age,
  (extract(epoch from greatest(q.queue_ticker_idle_period, q.queue_ticker_max_lag / 2)) * 1000)::text as idle_period,
  (extract(epoch from q.queue_ticker_max_lag) * 1000)::text as max_lag,
  (pgque.seq_getval(q.queue_event_seq) > t.tick_event_seq)::text as waiting,
  (select count(*) from pgque.tick n where n.tick_queue = q.queue_id and n.tick_id > k.tick)::text as since
from pgque.queue q
left join unnest($1::text[], $2::bigint[]) as k(queue, tick) on k.queue = q.queue_name
cross join lateral (
  select * from pgque.tick where tick_queue = q.queue_id order by tick_queue desc, tick_id desc limit 1
) t
where not q.queue_ticker_paused and not q.queue_external_ticker
order by 1`;

/**
 * PgQue's ticker takes no lock: of two at once the later may store the older snapshot, and what lies between is delivered twice. With
 * this one the second does nothing. ticker() takes its snapshot after that, inside, since the transaction is READ COMMITTED.
 */
const TICK = `select case when pg_try_advisory_xact_lock(hashtextextended('pgque tick ' || $1::text, 0))
  then pgque.ticker($1::text) end::text as tick`;

const IS_HELD = `select exists (
  select from pg_locks, hashtextextended($1::text, 0) as key
  where locktype = 'advisory' and objsubid = 1 and granted
    and database = (select oid from pg_database where datname = current_database())
    and classid::bigint = (key >> 32) & 4294967295 and objid::bigint = key & 4294967295
) as held`;

interface TicksRow {
  readonly queue: string;
  readonly tick: string;
  readonly age: string;
  readonly idle_period: string;
  readonly max_lag: string;
  readonly waiting: string;
  readonly since: string;
}

/** PgQue's own functions for it. */
export class PostgresPgqueUpkeepEngine implements PgqueUpkeepEngine {
  readonly #connection: PgConnection;

  constructor(connection: PgConnection) {
    this.#connection = connection;
  }

  async mayTick(): Promise<boolean> {
    const [row] = await this.#connection.query<{ may: boolean }>(MAY_TICK, [FUNCTIONS]);
    return row!.may;
  }

  async ticks(known: ReadonlyMap<string, { readonly tick: string }> = new Map()): Promise<QueueTicks[]> {
    const rows = await this.#connection.query<TicksRow>({ text: TICKS }, [
      [...known.keys()],
      [...known.values()].map(({ tick }) => tick),
    ]);
    return rows.map(({ queue, tick, age, idle_period, max_lag, waiting, since }) => ({
      queue,
      tick,
      age: Number(age),
      idlePeriod: Number(idle_period),
      maxLag: Number(max_lag),
      waiting: waiting === 'true',
      since: Number(since),
    }));
  }

  async tick(queue: string): Promise<string | undefined> {
    const [row] = await this.#connection.query<{ tick: string | null }>({ text: TICK }, [queue]);
    return row!.tick ?? undefined;
  }

  async retry(): Promise<number> {
    const [row] = await this.#connection.query<{ moved: string }>({
      text: 'select pgque.maint_retry_events()::text as moved',
    });
    return Number(row!.moved);
  }

  async rotate(): Promise<void> {
    await this.#connection.query('select pgque.maint()');
  }

  async rotateQueue(queue: string): Promise<void> {
    await this.#connection.query('select pgque.maint_rotate_tables_step1($1::text)', [queue]);
  }

  async finishRotation(): Promise<void> {
    await this.#connection.query('select pgque.maint_rotate_tables_step2()');
  }

  async isHeld(lock: string): Promise<boolean> {
    const [row] = await this.#connection.query<{ held: boolean }>(IS_HELD, [lock]);
    return row!.held;
  }
}
