-- Queues, and the installation itself.
--
-- As upstream: of two sessions that create the same queue at once, the later fails with 23505.

alter function pgque.create_queue(text) rename to pgq_create_queue;

create function pgque.create_queue(i_queue_name text) returns integer as $$
begin
  -- the channel pgque_<name> is an identifier, of 63 bytes
  if octet_length(i_queue_name) > 57 then
    raise exception 'queue name too long: % bytes (max 57): the channel pgque_<name> would not fit',
      octet_length(i_queue_name);
  end if;
  return pgque.pgq_create_queue(i_queue_name);
end;
$$ language plpgsql security definer;

create or replace function pgque.set_queue_config(x_queue_name text, x_param_name text, x_param_value text)
returns integer as $$
begin
  if x_queue_name is null or x_param_name is null then
    raise exception 'Invalid NULL value';
  end if;
  perform 1 from pgque.queue where queue_name = x_queue_name;
  if not found then
    raise exception 'No such event queue';
  end if;
  case
    when x_param_name in ('ticker_paused', 'external_ticker') then
      null;
    when x_param_name = 'ticker_max_count' then
      if x_param_value::integer <= 0 then
        raise exception '% must be > 0', x_param_name;
      end if;
    when x_param_name in ('ticker_max_lag', 'ticker_idle_period', 'rotation_period') then
      if x_param_value::interval <= interval '0' then
        raise exception '% must be > 0', x_param_name;
      end if;
    when x_param_name = 'max_retries' then
      if x_param_value::integer < 0 then
        raise exception '% must be >= 0', x_param_name;
      end if;
    else
      -- the s is upstream's
      raise exception 'cannot change parameter "%s"', x_param_name;
  end case;
  execute format(
    'update pgque.queue set %I = %s where queue_name = %L',
    'queue_' || x_param_name,
    case when x_param_value is null then 'default' else quote_literal(x_param_value) end,
    x_queue_name
  );
  return 1;
end;
$$ language plpgsql security definer;

create or replace function pgque.version() returns text as $$
  select '0.2.0'::text
$$ language sql stable;

create function pgque.status(out component text, out status text, out detail text) returns setof record as $$
  select 'postgresql', 'ok', current_setting('server_version')
  union all select 'pgque', 'ok', pgque.version()
  union all select 'ticker', 'not scheduled', 'every ' || tick_period_ms || ' ms' from pgque.config
  union all select 'maintenance', 'not scheduled', null
  union all select 'queues', 'ok', count(*)::text from pgque.queue
  union all select 'consumers', 'ok', count(*)::text from pgque.subscription
$$ language sql stable;

create function pgque.set_tick_period_ms(ms integer) returns integer as $$
begin
  if ms is null or ms not between 1 and 1000 or 1000 % ms <> 0 then
    raise exception 'tick period must be a divisor of 1000 between 1 and 1000, got %', ms;
  end if;
  update pgque.config set tick_period_ms = ms;
  return ms;
end;
$$ language plpgsql security definer;

create function pgque.uninstall() returns void as $$
begin
  drop schema pgque cascade;
end;
$$ language plpgsql;
