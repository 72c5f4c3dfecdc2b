-- Dead letters: what was nacked once more than its queue allows.
--
-- As upstream: a replayed letter is a new event, and goes to every consumer of its queue.

create function pgque.event_dead(
  batch_id bigint,
  event_id bigint,
  reason text,
  ev_time timestamptz,
  ev_txid bigint,
  ev_retry int4,
  ev_type text,
  ev_data text,
  ev_extra1 text default null,
  ev_extra2 text default null,
  ev_extra3 text default null,
  ev_extra4 text default null
) returns integer as $$
begin
  insert into pgque.dead_letter (
    dl_queue_id, dl_consumer_id, dl_reason, ev_id, ev_time, ev_txid, ev_retry,
    ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4)
  select sub_queue, sub_consumer, $3, $2, $4, $5, $6, $7, $8, $9, $10, $11, $12
    from pgque.subscription
    where sub_batch = $1
  on conflict do nothing;
  return 1;
end;
$$ language plpgsql security definer;

create function pgque.dlq_inspect(queue text, limit_count integer default 100)
returns setof pgque.dead_letter as $$
  select d.*
    from pgque.dead_letter d join pgque.queue q on q.queue_id = d.dl_queue_id
    where q.queue_name = queue
    order by d.dl_time desc, d.dl_id desc
    limit limit_count
$$ language sql stable security definer;

create function pgque.dlq_replay(dead_letter_id bigint) returns bigint as $$
declare
  letter record;
begin
  -- of two who replay one letter, the second waits here and finds it gone
  delete from pgque.dead_letter d using pgque.queue q
    where d.dl_id = dead_letter_id and q.queue_id = d.dl_queue_id
    returning q.queue_name, d.* into letter;
  if not found then
    raise exception 'dead letter entry not found: %', dead_letter_id;
  end if;
  return pgque.insert_event(
    letter.queue_name, letter.ev_type, letter.ev_data,
    letter.ev_extra1, letter.ev_extra2, letter.ev_extra3, letter.ev_extra4);
end;
$$ language plpgsql security definer;

create function pgque.dlq_replay_all(queue text, out replayed bigint, out failed bigint, out first_error text) as $$
declare
  letter_id bigint;
begin
  replayed := 0;
  failed := 0;
  for letter_id in
    select d.dl_id
      from pgque.dead_letter d join pgque.queue q on q.queue_id = d.dl_queue_id
      where q.queue_name = queue
      order by d.dl_id
      for update of d skip locked
  loop
    begin
      perform pgque.dlq_replay(letter_id);
      replayed := replayed + 1;
    exception when others then
      raise warning 'dead letter % was not replayed: %', letter_id, sqlerrm;
      failed := failed + 1;
      first_error := coalesce(first_error, format('dl_id %s: %s', letter_id, sqlerrm));
    end;
  end loop;
end;
$$ language plpgsql security definer;

create function pgque.dlq_purge(queue text, older_than interval default interval '30 days') returns integer as $$
declare
  purged integer;
begin
  delete from pgque.dead_letter d using pgque.queue q
    where q.queue_id = d.dl_queue_id and q.queue_name = queue and d.dl_time < now() - older_than;
  get diagnostics purged = row_count;
  return purged;
end;
$$ language plpgsql security definer;
