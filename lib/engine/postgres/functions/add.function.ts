import { type SchemaNames, SqlState } from '../schema-names.js';

/** An option's duration: milliseconds as a number, or text such as '30s'. */
export const durationMs = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.duration_ms(_value jsonb, _path text) returns float8
language plpgsql immutable as $fn$
declare
  _ms float8;
  _part text[];
begin
  if _value is null or _value = 'null' then
    return null;
  end if;
  if jsonb_typeof(_value) = 'number' then
    _ms := (_value #>> '{}')::float8;
  else
    _part := regexp_match(_value #>> '{}', '^([0-9]+(?:\\.[0-9]+)?)(ms|s|m|h|d|w)$');
    _ms := _part[1]::float8 * case _part[2] when 'ms' then 1 when 's' then 1000 when 'm' then 60000
      when 'h' then 3600000 when 'd' then 86400000 else 604800000 end;
  end if;
  if _ms is null or _ms < 0 or _ms > 315576000000 then
    raise exception '% must be a duration, not %', _path, _value using errcode = '${SqlState.invalidJob}',
      hint = 'milliseconds from 0 to ten years, or text such as "250ms", "30s", "15m", "6h", "3d", "1w"';
  end if;
  return _ms;
end
$fn$`;

const KNOWN = ['attempts', 'backoff', 'priority', 'timeout', 'delay', 'runAt', 'uniqueKey', 'jobId'];

/** The options of one job as a caller of SQL wrote them, checked as strictly as in TypeScript, in add_jobs()'s form. */
export const jobShape = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.job_shape(_name text, _options jsonb) returns jsonb
language plpgsql as $fn$
declare
  _wrong text;
  _backoff jsonb := _options->'backoff';
  _stored jsonb := '{}';
  _number numeric;
  _key text;
begin
  if _options is null or jsonb_typeof(_options) <> 'object' then
    raise exception 'options must be a JSON object, not %', coalesce(_options::text, 'null') using errcode = '${SqlState.invalidJob}',
      hint = 'leave it out, or give an object such as {"delay": "30s"}';
  end if;
  select k into _wrong from jsonb_object_keys(_options) k where k <> all('{${KNOWN.join(',')}}') limit 1;
  if _wrong is not null then
    raise exception 'options.% is not an option', _wrong using errcode = '${SqlState.invalidJob}',
      hint = 'known are ${KNOWN.join(', ')}';
  end if;
  foreach _key in array '{attempts,priority}'::text[] loop
    if _options ? _key then
      _number := case when jsonb_typeof(_options->_key) = 'number' then (_options->>_key)::numeric end;
      if _number is null or _number <> trunc(_number)
          or (_key = 'attempts' and _number not between 1 and 32767) or (_key = 'priority' and _number not between 0 and 255) then
        raise exception 'options.% must be an integer, not %', _key, _options->_key using errcode = '${SqlState.invalidJob}',
          hint = 'attempts: 1 to 32767; priority: 0 (first) to 255';
      end if;
    end if;
  end loop;
  if _options ? 'delay' and _options ? 'runAt' then
    raise exception 'options.delay and options.runAt are both given' using errcode = '${SqlState.invalidJob}', hint = 'give one of them';
  end if;
  foreach _key in array '{uniqueKey,jobId}'::text[] loop
    if _options ? _key then
      if jsonb_typeof(_options->_key) <> 'string' or length(_options->>_key) not between 1 and 200 then
        raise exception 'options.% must be a string of 1 to 200 characters, not %', _key, _options->_key
          using errcode = '${SqlState.invalidJob}', hint = 'leave it out when there is none';
      end if;
      if _key = 'jobId' and _options->>_key ~ '^[0-9]+$' then
        raise exception 'options.jobId must not be all digits: %', _options->_key using errcode = '${SqlState.invalidJob}',
          hint = 'put something in front, as "order-1": numbers are the ids of jobs without one of their own';
      end if;
      _stored := _stored || jsonb_build_object(_key, _options->_key);
    end if;
  end loop;
  if coalesce((_options->>'priority')::int, 0) > 0 then
    _stored := _stored || jsonb_build_object('priority', _options->'priority');
  end if;
  if _options ? 'delay' then
    _stored := _stored || jsonb_build_object('delay', ${s}.duration_ms(_options->'delay', 'options.delay'));
  end if;
  if _options ? 'timeout' then
    if ${s}.duration_ms(_options->'timeout', 'options.timeout') = 0 then
      raise exception 'options.timeout must be longer than 0' using errcode = '${SqlState.invalidJob}', hint = 'leave it out for no limit';
    end if;
    _stored := _stored || jsonb_build_object('timeout', ${s}.duration_ms(_options->'timeout', 'options.timeout'));
  end if;
  if _options ? 'runAt' then
    begin
      _stored := _stored || jsonb_build_object('runAt', (_options->>'runAt')::timestamptz);
    exception when others then
      _stored := null;
    end;
    if _stored is null or _options->>'runAt' is null or not isfinite((_options->>'runAt')::timestamptz) then
      raise exception 'options.runAt must be a time, not %', _options->'runAt' using errcode = '${SqlState.invalidJob}',
        hint = 'ISO 8601 text, such as "2030-01-01T08:00:00Z"';
    end if;
  end if;
  if _backoff is not null then
    if jsonb_typeof(_backoff) = 'number' then
      _backoff := jsonb_build_object('type', 'fixed', 'delay', _backoff);
    end if;
    if jsonb_typeof(_backoff) <> 'object' or coalesce(_backoff->>'type', '') not in ('fixed', 'exponential')
        or exists (select from jsonb_object_keys(_backoff) k where k <> all('{type,delay,maxDelay,jitter}'))
        or (_backoff ? 'jitter' and (jsonb_typeof(_backoff->'jitter') <> 'number' or (_backoff->>'jitter')::numeric not between 0 and 1)) then
      raise exception 'options.backoff is not a backoff: %', _options->'backoff' using errcode = '${SqlState.invalidJob}',
        hint = 'give milliseconds, or {"type": "fixed" or "exponential", "delay": ..., "maxDelay": ..., "jitter": 0 to 1}';
    end if;
    _stored := _stored || jsonb_build_object('backoff', jsonb_strip_nulls(_backoff || jsonb_build_object(
      'delay', coalesce(${s}.duration_ms(_backoff->'delay', 'options.backoff.delay'), 1000),
      'maxDelay', ${s}.duration_ms(_backoff->'maxDelay', 'options.backoff.maxDelay'))));
  end if;
  return jsonb_build_object('name', _name, 'attempts', coalesce((_options->>'attempts')::int, 4),
    'options', nullif(_stored, '{}'));
end
$fn$`;

/**
 * Adds one job from SQL (a trigger, psql, another language), in the caller's transaction, with the checks and the options
 * of TypeScript's add(). Returns the job's id; with a unique key or id that is taken, the earlier job's.
 */
export const add = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.add(_queue text, _name text, _data jsonb default 'null', _options jsonb default '{}') returns text
language plpgsql as $fn$
declare
  _id int;
  _settings jsonb;
  _added record;
  _limit bigint;
  _shape jsonb;
begin
  if _queue is null or length(_queue) not between 1 and 200 or _queue ~ '[\\x01-\\x1f]' then
    raise exception 'the queue''s name has 1 to 200 characters and no control characters' using errcode = '${SqlState.invalidJob}', hint = 'name the queue';
  end if;
  if _name is null or length(_name) not between 1 and 200 then
    raise exception 'the job''s name has 1 to 200 characters' using errcode = '${SqlState.invalidJob}', hint = 'name the job';
  end if;
  _data := coalesce(_data, 'null');
  _shape := ${s}.job_shape(_name, coalesce(_options, '{}'));
  select q.queue_id, q.settings into _id, _settings from ${s}.queue q where q.name = _queue;
  if not found then
    _id := ${s}.ensure_queue(_queue);
  end if;
  _limit := coalesce((_settings->>'maxDataBytes')::bigint, 1048576);
  if octet_length(_data::text) > _limit then
    raise exception 'the data has % bytes as JSON, % are allowed', octet_length(_data::text), _limit
      using errcode = '${SqlState.invalidJob}', hint = 'store large data elsewhere and add a reference to it';
  end if;
  _limit := coalesce((_settings->>'maxDataDepth')::bigint, 100);
  if jsonb_path_exists(_data, format('$.**{%s}', _limit + 1)::jsonpath) then
    raise exception 'the data is nested deeper than % levels', _limit using errcode = '${SqlState.invalidJob}', hint = 'flatten it';
  end if;
  select * into _added from ${s}.add_jobs(_id, jsonb_build_array(_shape)::text, null, _data::text);
  if _added.wake is not null then
    perform ${s}.notify_once(_added.wake);
  end if;
  return coalesce(_added.existing::jsonb->'0'->'options'->>'jobId', _added.existing::jsonb->'0'->>'key',
    _options->>'jobId', trim('{}' from _added.ids));
end
$fn$`;

/** Wakes workers when the transaction commits: several notifications of one kind in one transaction are one. */
export const notifyOnce = ({ schema: s, channel }: SchemaNames): string => `
create or replace function ${s}.notify_once(_wake text) returns void
language plpgsql as $fn$
begin
  perform pg_notify('${channel.replaceAll("'", "''")}', w) from string_to_table(_wake, ' ') w;
end
$fn$`;
