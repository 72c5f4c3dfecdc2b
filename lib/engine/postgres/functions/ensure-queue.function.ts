import { type SchemaNames, SqlState } from '../schema-names.js';

/**
 * The queue's id, made on first use. A process does this on a connection of its own before it adds inside somebody's
 * transaction: two producers that both make the same queue in theirs would wait for each other.
 */
export const ensureQueue = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.ensure_queue(_name text) returns int
language plpgsql as $fn$
declare
  _id int;
begin
  loop
    select q.queue_id into _id from ${s}.queue q where q.name = _name;
    if found then
      return _id;
    end if;
    if _name is null or length(_name) not between 1 and 200 or _name ~ '[\\x01-\\x1f]' then
      raise exception 'a queue''s name has 1 to 200 characters and no control characters: %', coalesce(quote_literal(left(_name, 60)), 'null')
        using errcode = '${SqlState.invalidJob}', hint = 'give the queue a name';
    end if;
    insert into ${s}.queue (name) values (_name) on conflict (name) do nothing;
  end loop;
end
$fn$`;
