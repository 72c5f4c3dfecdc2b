-- Who may do what. Reader and writer are siblings, and admin is both; PgQ's installer has made them so.
--
-- Stricter than upstream, which lets every role in the database read payloads: event tables, retry queue and dead letters
-- are for readers. As upstream: a reader may finish any batch whose number he knows, and get_queue_info() fails for a
-- reader, who may not call seq_getval().

revoke execute on all functions in schema pgque from public, pgque_reader, pgque_writer;

-- then what it calls needs no grants
alter function pgque.get_batch_events(bigint) security definer;

grant execute on function
  pgque.register_consumer(text, text),
  pgque.register_consumer_at(text, text, bigint),
  pgque.unregister_consumer(text, text),
  pgque.subscribe(text, text),
  pgque.unsubscribe(text, text),
  pgque.next_batch(text, text),
  pgque.next_batch_info(text, text),
  pgque.next_batch_custom(text, text, interval, int4, interval),
  pgque.get_batch_events(bigint),
  pgque.finish_batch(bigint),
  pgque.event_retry(bigint, bigint, integer),
  pgque.event_retry(bigint, bigint, timestamptz),
  pgque.receive(text, text, integer),
  pgque.ack(bigint),
  pgque.nack(bigint, pgque.message, interval, text),
  pgque.get_queue_info(),
  pgque.get_queue_info(text),
  pgque.get_consumer_info(),
  pgque.get_consumer_info(text),
  pgque.get_consumer_info(text, text),
  pgque.get_batch_info(bigint),
  pgque.dlq_inspect(text, integer),
  pgque.version()
to pgque_reader;

grant execute on function
  pgque.insert_event(text, text, text),
  pgque.insert_event(text, text, text, text, text, text, text),
  pgque.send(text, text),
  pgque.send(text, jsonb),
  pgque.send(text, text, text),
  pgque.send(text, text, jsonb),
  pgque.send_batch(text, text[]),
  pgque.send_batch(text, jsonb[]),
  pgque.send_batch(text, text, text[]),
  pgque.send_batch(text, text, jsonb[]),
  pgque.dlq_replay(bigint),
  pgque.dlq_replay_all(text)
to pgque_writer;

grant execute on all functions in schema pgque to pgque_admin;
revoke execute on function pgque.uninstall(), pgque.insert_event_bulk(text, text, text[]) from pgque_admin;

grant select on all tables in schema pgque to pgque_reader;
grant all on all tables in schema pgque to pgque_admin;
grant all on all sequences in schema pgque to pgque_admin;
