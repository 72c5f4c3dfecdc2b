-- Ticks and maintenance: PgQ's ticker and rotation, with PgQue's notifications and refusals.
--
-- As upstream:
-- - The ticker takes no lock. Of two at once, the later may store the older snapshot; what lies between is delivered twice.
-- - An event sequence has the same last value unused and used once. So the first event of a queue does not count, and
--   waits for the idle period.
-- - ticker() ticks all queues in one transaction: one that fails stops all.
-- - maint_retry_events() moves ten rows per call.
-- - maint() never does the second step of rotation.

create function pgque.notify_of_tick() returns trigger as $$
begin
  perform pg_notify('pgque_' || queue_name, new.tick_id::text)
    from pgque.queue
    where queue_id = new.tick_queue;
  return null;
end;
$$ language plpgsql;

create trigger notify_of_tick after insert on pgque.tick
  for each row execute function pgque.notify_of_tick();

alter function pgque.ticker(text, bigint, timestamptz, bigint) rename to pgq_external_tick;

create function pgque.ticker(i_queue_name text, i_tick_id bigint, i_orig_timestamp timestamptz, i_event_seq bigint)
returns bigint as $$
declare
  newest record;
begin
  select tick_id, tick_event_seq into newest
    from pgque.tick join pgque.queue on queue_id = tick_queue
    where queue_name = i_queue_name
    order by tick_id desc
    limit 1;
  if i_tick_id <= newest.tick_id then
    raise exception 'external tick % is not newer than tick %', i_tick_id, newest.tick_id;
  end if;
  if i_event_seq < newest.tick_event_seq then
    raise exception 'external tick % moves the event sequence back, from % to %',
      i_tick_id, newest.tick_event_seq, i_event_seq;
  end if;
  return pgque.pgq_external_tick(i_queue_name, i_tick_id, i_orig_timestamp, i_event_seq);
end;
$$ language plpgsql security definer;

alter function pgque.force_tick(text) rename to pgq_force_tick;

create function pgque.force_next_tick(queue text) returns bigint as $$
declare
  found_queue record;
begin
  select queue_ticker_paused, queue_external_ticker into found_queue
    from pgque.queue
    where queue_name = force_next_tick.queue;
  if not found then
    raise exception 'queue not found: %', queue;
  elsif found_queue.queue_ticker_paused then
    raise exception 'queue % is paused', queue;
  elsif found_queue.queue_external_ticker then
    raise exception 'queue % has an external ticker', queue;
  end if;
  return pgque.pgq_force_tick(queue);
end;
$$ language plpgsql security definer;

create function pgque.force_tick(queue text) returns bigint as $$
  select pgque.force_next_tick(queue)
$$ language sql;

create function pgque.maint() returns integer as $$
declare
  operation record;
  result integer;
  total integer := 0;
begin
  for operation in
    select to_regprocedure(func_name || '(text)') as function, func_arg
      from pgque.maint_operations()
      where func_name not in ('pgque.maint_rotate_tables_step2', 'vacuum')
  loop
    -- whoever may register a hook shall not run code as the installation's owner
    perform 1
      from pg_proc hook, pg_proc maint
      where hook.oid = operation.function
        and maint.oid = 'pgque.maint()'::regprocedure
        and hook.proowner = maint.proowner;
    continue when not found;
    execute format('select %s($1)', operation.function::oid::regproc) into result using operation.func_arg;
    total := total + coalesce(result, 0);
  end loop;
  return total;
end;
$$ language plpgsql;
