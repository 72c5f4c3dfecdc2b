import type { SchemaNames } from '../../schema-names.js';

/**
 * An event of a key that is held: says whether it is to wait, behind those of its key that wait already. When the key is held
 * no more, the event holds it from now on, and can run.
 *
 * A key's row is locked until the caller commits: who lets it go meanwhile would miss this event.
 */
export const parkEvent = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.park_event(_group_id int, _key text, _event_id bigint) returns boolean
language plpgsql as $fn$
begin
  loop
    insert into ${s}.held_key (group_id, key, event_id) values (_group_id, _key, _event_id) on conflict (group_id, key) do nothing;
    if found then
      return false;
    end if;
    perform from ${s}.held_key h where h.group_id = _group_id and h.key = _key for update;
    if found then
      insert into ${s}.parked_event (group_id, key, event_id) values (_group_id, _key, _event_id);
      return true;
    end if;
  end loop;
end
$fn$`;

/**
 * The event that held a key has ended: the next of those that wait for it can run and holds it, or nobody does. Nothing, when
 * another holds it. Announces the one that can run.
 */
export const releaseKey = ({ schema: s, channel }: SchemaNames): string => `
create or replace function ${s}.release_key(_group_id int, _key text, _event_id bigint) returns void
language plpgsql set enable_seqscan = off as $fn$
declare
  _next record; _wake text;
begin
  perform from ${s}.held_key h where h.group_id = _group_id and h.key = _key and h.event_id = _event_id for update;
  if not found then
    return;
  end if;
  loop
    select p.n, p.event_id into _next from ${s}.parked_event p where p.group_id = _group_id and p.key = _key order by p.n limit 1;
    if not found then
      delete from ${s}.held_key h where h.group_id = _group_id and h.key = _key;
      return;
    end if;
    delete from ${s}.parked_event p where p.group_id = _group_id and p.key = _key and p.n = _next.n;
    update ${s}.held_key h set event_id = _next.event_id where h.group_id = _group_id and h.key = _key;
    _wake := ${s}.promote_job(_group_id, _next.event_id);
    -- null: it was removed while it waited
    exit when _wake is not null;
  end loop;
  perform pg_notify('${channel.replaceAll("'", "''")}', _wake);
end
$fn$`;

/** Lets go of the keys whose event has ended without saying so: cancelled, removed, completed by a process that is gone. */
export const releaseEnded = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.release_ended(_group_id int) returns int
language plpgsql as $fn$
declare
  _h record; _released int := 0;
begin
  perform pg_advisory_xact_lock_shared(${s}.lock_key('guard'));
  for _h in select h.* from ${s}.held_key h where h.group_id = _group_id order by h.key loop
    continue when coalesce(${s}.job_record(_group_id, _h.event_id)->>'state', 'gone') in ('waiting', 'delayed', 'active');
    perform ${s}.release_key(_group_id, _h.key, _h.event_id);
    _released := _released + 1;
  end loop;
  return _released;
end
$fn$`;
