-- Sending.
--
-- As upstream: an event goes into the table that is current in the sender's snapshot. In REPEATABLE READ that may be an old
-- one, and an event that is sent so after the tables were rotated is in a table in which no batch looks for it.

alter function pgque.insert_event_raw(text, bigint, timestamptz, int4, int4, text, text, text, text, text, text)
  rename to pgq_insert_event_raw;

create function pgque.insert_event_raw(
  queue_name text,
  ev_id bigint,
  ev_time timestamptz,
  ev_owner integer,
  ev_retry integer,
  ev_type text,
  ev_data text,
  ev_extra1 text,
  ev_extra2 text,
  ev_extra3 text,
  ev_extra4 text
) returns int8 as $$
begin
  -- Before it is read which table is current: a batch looks into a table that is no longer current for ids that were given
  -- before the second step of rotation. PgQ takes the id with the insert, a moment later; here the moment would be lost
  -- events, since tests rotate all the time.
  perform txid_current();
  perform 1 from pgque.queue q where q.queue_name = insert_event_raw.queue_name;
  if not found then
    raise exception 'queue not found: %', queue_name;
  end if;
  return pgque.pgq_insert_event_raw(
    queue_name, ev_id, ev_time, ev_owner, ev_retry, ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4);
end;
$$ language plpgsql;

create function pgque.insert_event_bulk(queue_name text, ev_type text, ev_data_list text[]) returns bigint[] as $$
declare
  ids bigint[] := '{}';
  data text;
begin
  foreach data in array ev_data_list loop
    ids := ids || pgque.insert_event(queue_name, ev_type, data);
  end loop;
  return ids;
end;
$$ language plpgsql security definer;

create function pgque.send(queue_name text, type_name text, payload text) returns bigint as $$
  select pgque.insert_event(queue_name, type_name, payload)
$$ language sql;

create function pgque.send(queue_name text, type_name text, payload jsonb) returns bigint as $$
  select pgque.insert_event(queue_name, type_name, payload::text)
$$ language sql;

create function pgque.send(queue_name text, payload text) returns bigint as $$
  select pgque.insert_event(queue_name, 'default', payload)
$$ language sql;

create function pgque.send(queue_name text, payload jsonb) returns bigint as $$
  select pgque.insert_event(queue_name, 'default', payload::text)
$$ language sql;

create function pgque.send_batch(queue_name text, type_name text, payloads text[]) returns bigint[] as $$
begin
  if payloads is null then
    raise exception 'payloads must not be null';
  end if;
  return pgque.insert_event_bulk(queue_name, type_name, payloads);
end;
$$ language plpgsql security definer;

create function pgque.send_batch(queue_name text, type_name text, payloads jsonb[]) returns bigint[] as $$
  select pgque.send_batch(queue_name, type_name, payloads::text[])
$$ language sql;

create function pgque.send_batch(queue_name text, payloads text[]) returns bigint[] as $$
  select pgque.send_batch(queue_name, 'default', payloads)
$$ language sql;

create function pgque.send_batch(queue_name text, payloads jsonb[]) returns bigint[] as $$
  select pgque.send_batch(queue_name, 'default', payloads::text[])
$$ language sql;
