-- What PgQue's tables have that PgQ's do not. The rest is PgQ's, by the same names.
--
-- Transaction ids stay bigint and snapshots txid_snapshot, as PgQ has them; PgQue has xid8 and pg_snapshot. A client that
-- reads them as text sees no difference.

-- how often a message comes again before it is dead; null is 5
alter table pgque.queue add column queue_max_retries int4;

-- always 'normal': the shim has no cooperative consumers
alter table pgque.subscription add column sub_role text not null default 'normal'
  check (sub_role in ('normal', 'coop_main', 'coop_member'));

create table pgque.dead_letter (
  dl_id bigserial primary key,
  dl_queue_id int4 not null references pgque.queue (queue_id) on delete cascade,
  dl_consumer_id int4 not null references pgque.consumer (co_id) on delete cascade,
  dl_time timestamptz not null default now(),
  dl_reason text,
  ev_id bigint not null,
  ev_time timestamptz not null,
  ev_txid bigint,
  ev_retry int4,
  ev_type text,
  ev_data text,
  ev_extra1 text,
  ev_extra2 text,
  ev_extra3 text,
  ev_extra4 text,
  unique (dl_queue_id, dl_consumer_id, ev_id)
);

create table pgque.config (
  singleton boolean primary key default true check (singleton),
  ticker_job_id bigint,
  maint_job_id bigint,
  scheduler text,
  tick_period_ms int4 not null default 100,
  installed_at timestamptz not null default now()
);
insert into pgque.config default values;

-- clients build it by position: ROW(...)::pgque.message
create type pgque.message as (
  msg_id bigint,
  batch_id bigint,
  type text,
  payload text,
  retry_count int4,
  created_at timestamptz,
  extra1 text,
  extra2 text,
  extra3 text,
  extra4 text
);
