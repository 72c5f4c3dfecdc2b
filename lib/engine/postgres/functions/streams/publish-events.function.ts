import { currentSegment } from '../../rings.js';
import { PACK_SEPARATOR_SQL, perSegment, type SchemaNames, SqlState } from '../../schema-names.js';
import { SLOTS } from './slots.js';

/**
 * Appends events to a stream, all or none. Everything is packed: `types` (a single one: all are of it), `keys` and `headers`
 * (null: none has any; an empty one: this has none), `payloads`.
 *
 * - The one statement of `publish()`, `publishBulk()` and SQL's `publish()`; text parameters only, safe on any driver's
 *   connection. No lock is held to the caller's commit.
 * - Ids are drawn in order, so events of one call are read in the order they were given.
 *
 * Returns the ids as an array's text, and what to notify.
 */
export const publishEvents = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.publish_events(
  _stream_id int, _types text, _keys text, _headers text, _payloads text, out ids text, out wake text
) language plpgsql as $fn$
declare
  _at timestamptz := clock_timestamp();
  _type text := split_part(_types, ${PACK_SEPARATOR_SQL}, 1);
  _segment smallint := ${currentSegment(s, 'event')};
begin
  ${perSegment(
    '_segment',
    (i) => `
  with published as (
    insert into ${s}.event_${i} (stream_id, published_at, type, key, slot, payload, headers)
    select _stream_id, _at, coalesce(p.type, _type), p.key, (hashtextextended(p.key, 0) & ${SLOTS - 1})::smallint, p.payload, p.headers::jsonb
      from unnest(string_to_array(_payloads, ${PACK_SEPARATOR_SQL}), string_to_array(_types, ${PACK_SEPARATOR_SQL}),
        string_to_array(_keys, ${PACK_SEPARATOR_SQL}, ''), string_to_array(_headers, ${PACK_SEPARATOR_SQL}, '')) p (payload, type, key, headers)
    returning event_id
  )
  select array_agg(p.event_id)::text into ids from published p;`,
  )}
  wake := _stream_id || ':0';
end
$fn$`;

/** publish_events(), committed, and then the notification in a transaction of its own, as add_jobs_and_wake(). */
export const publishEventsAndWake = ({ schema: s }: SchemaNames): string => `
create or replace procedure ${s}.publish_events_and_wake(
  _stream_id int, _types text, _keys text, _headers text, _payloads text, _also text,
  inout ids text, inout wake text, inout notified boolean
) language plpgsql as $fn$
begin
  select p.ids, p.wake into ids, wake from ${s}.publish_events(_stream_id, _types, _keys, _headers, _payloads) p;
  commit;
  notified := ${s}.notify_committed(concat_ws(' ', wake, _also));
end
$fn$`;

/** Appends one event from SQL (a trigger, psql, another language), in the caller's transaction. Returns its id. */
export const publish = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.publish(
  _stream text, _type text default 'default', _data jsonb default 'null', _key text default null, _headers jsonb default null
) returns text language plpgsql as $fn$
declare
  _published record;
begin
  perform ${s}.check_stream_name(_stream, 'a stream''s name'), ${s}.check_stream_name(_type, 'an event''s type');
  if _key is not null then
    perform ${s}.check_stream_name(_key, 'an event''s key');
  end if;
  if _headers is not null and (jsonb_typeof(_headers) <> 'object'
      or exists (select from jsonb_each(_headers) h where jsonb_typeof(h.value) <> 'string')) then
    raise exception 'headers are an object of texts: %', left(_headers::text, 60) using errcode = '${SqlState.invalidJob}',
      hint = 'give {"name": "text"}';
  end if;
  select * into _published from ${s}.publish_events(${s}.ensure_stream(_stream), _type, _key, _headers::text, coalesce(_data, 'null')::text);
  perform ${s}.notify_once(_published.wake);
  return trim('{}' from _published.ids);
end
$fn$`;
