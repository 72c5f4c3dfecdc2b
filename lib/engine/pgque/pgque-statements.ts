import { EVENT_COLUMNS } from './pgque-event.js';

/*
 * PgQue's functions, as every version since 0.2.0 has them. Each parameter has its type: several of the functions are
 * overloaded, and PostgreSQL would not know which one is meant. What comes back is text: no bigint becomes a number.
 */

/** Bytes of payload in one page: bounds what a process holds in memory. */
const PAGE_BYTES = 8 * 1024 * 1024;

/** With an interval, a window may also be cut by the number of its events: the ticks are no further apart than these. */
const WIDE_WINDOW_EVENTS = 500;

/** $1 queue, $2 consumer, $3 seconds or null. With null, the very next window. */
export const NEXT_BATCH = `select b.batch_id::text as id, extract(epoch from b.cur_tick_time - b.prev_tick_time)::text as seconds
from pgque.next_batch_custom($1::text, $2::text, null::interval,
  case when $3::float8 is not null then ${WIDE_WINDOW_EVENTS} end::int4, make_interval(secs => $3::float8)) b
where b.batch_id is not null`;

/**
 * $1 batch, $2 how many events were read, $3 how many to read. By their number in the batch, since an event may be in it
 * twice. get_batch_events() reads the whole batch at every call: so pages are as large as memory allows.
 */
export const BATCH_PAGE = `select ${EVENT_COLUMNS}, remaining::text
from (
  select e.*, count(*) over () as remaining,
    coalesce(sum(octet_length(ev_data)) over (order by ordinality rows between unbounded preceding and 1 preceding), 0) as bytes_before
  from pgque.get_batch_events($1::bigint) with ordinality e
  where ordinality > $2::bigint
) e
where bytes_before < ${PAGE_BYTES}
order by ordinality
limit $3::bigint`;

/** $1 batch, $2 ids, $3 ms to wait, $4 reasons. Of the message PgQue reads the id alone. */
export const NACK = `select count(pgque.nack($1::bigint,
  row(f.id, $1::bigint, null, null, null, null, null, null, null, null)::pgque.message,
  f.after * interval '1 ms', f.reason))::text as nacked
from unnest($2::bigint[], $3::float8[], $4::text[]) as f(id, after, reason)`;

/** $1 batch. As SEND, it may run on a caller's transaction: text goes over, and comes back. */
export const ACK = `select pgque.ack($1::text::bigint)::text as acked`;

/**
 * $1 queue, $2 type, $3 payload, $4 key, $5 headers. Null when the transaction's snapshot may be an old one: PgQ puts an event
 * into the table that is current in it, and if the tables were rotated since nobody looks there.
 */
export const SEND = `select case when current_setting('transaction_isolation') in ('read committed', 'read uncommitted')
  then pgque.insert_event($1::text, $2::text, $3::text, $4::text, $5::text, null::text, null::text)::text end as id`;

/** $1 queue. */
export const QUEUE = `select coalesce(q.queue_max_retries, 5)::text as max_retries from pgque.queue q where q.queue_name = $1::text`;

export const CREATE_QUEUE = `select pgque.create_queue($1::text)::text as done`;
export const SUBSCRIBE = `select pgque.subscribe($1::text, $2::text)::text as done`;
export const UNSUBSCRIBE = `select pgque.unsubscribe($1::text, $2::text)::text as done`;

/** $1 queue, $2 consumer. */
export const IS_SUBSCRIBED = `select exists (select from pgque.get_consumer_info($1::text, $2::text))::text as is`;

/** $1 queue, $2 consumer. Of a consumer that is subscribed it would move the position. */
export const SUBSCRIBE_AT_START = `select pgque.register_consumer_at($1::text, $2::text, (
  select min(t.tick_id) from pgque.tick t join pgque.queue q on q.queue_id = t.tick_queue where q.queue_name = $1::text
))::text as done`;

/** $1 name. */
export const LOCK_IN_TRANSACTION = `select pg_advisory_xact_lock(hashtextextended($1::text, 0))`;
