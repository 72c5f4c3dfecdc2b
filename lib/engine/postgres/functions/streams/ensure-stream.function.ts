import { type SchemaNames, SqlState } from '../../schema-names.js';
import { streamName } from './names.js';

/** The stream's id, made on first use; on a connection of its own, as ensure_queue(). */
export const ensureStream = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.ensure_stream(_stream text) returns int
language plpgsql as $fn$
declare
  _id int;
begin
  loop
    select q.queue_id into _id from ${s}.queue q where q.name = ${streamName('_stream')};
    if found then
      return _id;
    end if;
    perform ${s}.check_stream_name(_stream, 'a stream''s name');
    insert into ${s}.queue (name, kind) values (${streamName('_stream')}, 's') on conflict (name) do nothing;
  end loop;
end
$fn$`;

/** Names of streams, groups and types, and keys. */
export const checkStreamName = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.check_stream_name(_name text, _what text) returns void
language plpgsql as $fn$
begin
  if _name is null or length(_name) not between 1 and 200 or _name ~ '[\\x01-\\x1f]' then
    raise exception '% has 1 to 200 characters and no control characters: %', _what, coalesce(quote_literal(left(_name, 60)), 'null')
      using errcode = '${SqlState.invalidJob}', hint = 'give it another name';
  end if;
end
$fn$`;
