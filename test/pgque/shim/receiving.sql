-- Subscriptions and batches: PgQ's, under PgQue's names, as messages.
--
-- As upstream:
-- - ack() finishes the whole batch, also what a receive() with a lower max_return did not return.
-- - Two receivers by one name get the same batch: the second waits for the first one's transaction, and no longer.
-- - An empty window is finished by the receive() that finds it, which returns nothing though there may be more behind it.
-- - A message that is nacked, moved by maint_retry_events() and nacked again in the same batch comes twice. And of one that
--   is in a batch twice, nack() queues neither: event_retry() inserts both, and takes the conflict for "is queued already".
-- - Of two sessions that subscribe a new consumer at once, the later fails with 23505.

create function pgque.subscribe(queue text, consumer text) returns integer as $$
  select pgque.register_consumer(queue, consumer)
$$ language sql;

create function pgque.unsubscribe(queue text, consumer text) returns integer as $$
  select pgque.unregister_consumer(queue, consumer)
$$ language sql;

alter function pgque.next_batch_custom(text, text, interval, int4, interval) rename to pgq_next_batch_custom;

create function pgque.next_batch_custom(
  in i_queue_name text,
  in i_consumer_name text,
  in i_min_lag interval,
  in i_min_count int4,
  in i_min_interval interval,
  out batch_id int8,
  out cur_tick_id int8,
  out prev_tick_id int8,
  out cur_tick_time timestamptz,
  out prev_tick_time timestamptz,
  out cur_tick_event_seq int8,
  out prev_tick_event_seq int8
) as $$
begin
  perform 1
    from pgque.subscription s
    join pgque.queue q on q.queue_id = s.sub_queue
    join pgque.consumer c on c.co_id = s.sub_consumer
    where q.queue_name = i_queue_name and c.co_name = i_consumer_name
    for update of s;
  -- a statement of its own: it sees the batch that was opened by whoever held the lock
  select * into batch_id, cur_tick_id, prev_tick_id, cur_tick_time, prev_tick_time, cur_tick_event_seq, prev_tick_event_seq
    from pgque.pgq_next_batch_custom(i_queue_name, i_consumer_name, i_min_lag, i_min_count, i_min_interval);
end;
$$ language plpgsql security definer;

create function pgque.receive(queue text, consumer text, max_return integer default 100)
returns setof pgque.message as $$
declare
  batch bigint;
begin
  if max_return < 1 then
    raise exception 'pgque.receive: max_return must be >= 1, got %', max_return;
  end if;
  batch := pgque.next_batch(queue, consumer);
  if batch is null then
    return;
  end if;
  return query
    select ev_id, batch, ev_type, ev_data, ev_retry, ev_time, ev_extra1, ev_extra2, ev_extra3, ev_extra4
      from pgque.get_batch_events(batch)
      limit max_return;
  if not found then
    perform pgque.finish_batch(batch);
  end if;
end;
$$ language plpgsql;

create function pgque.ack(batch_id bigint) returns integer as $$
  select pgque.finish_batch(batch_id)
$$ language sql;

create function pgque.nack(
  batch_id bigint,
  msg pgque.message,
  retry_after interval default interval '60 seconds',
  reason text default null
) returns integer as $$
declare
  max_retries integer;
  event record;
begin
  select coalesce(q.queue_max_retries, 5) into max_retries
    from pgque.subscription s join pgque.queue q on q.queue_id = s.sub_queue
    where s.sub_batch = nack.batch_id;
  if not found then
    raise exception 'batch not found: %', batch_id;
  end if;
  -- what is stored counts, and not what the caller says of it
  select * into event from pgque.get_batch_events(nack.batch_id) where ev_id = msg.msg_id limit 1;
  if not found then
    raise exception 'msg_id % not found in batch %', msg.msg_id, batch_id;
  end if;
  if coalesce(event.ev_retry, 0) >= max_retries then
    perform pgque.event_dead(
      nack.batch_id, event.ev_id, coalesce(reason, 'max retries exceeded'), event.ev_time, event.ev_txid, event.ev_retry,
      event.ev_type, event.ev_data, event.ev_extra1, event.ev_extra2, event.ev_extra3, event.ev_extra4);
  else
    perform pgque.event_retry(nack.batch_id, event.ev_id, extract(epoch from retry_after)::integer);
  end if;
  return 1;
end;
$$ language plpgsql security definer;
