import type { SchemaNames } from '../schema-names.js';

/** A paused queue's lanes are not served, by any process; what runs goes on. Returns whether that is new. */
export const pauseQueue = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.pause_queue(_queue_id int, _paused boolean) returns boolean
language plpgsql as $fn$
begin
  update ${s}.queue q set paused = _paused where q.queue_id = _queue_id and q.paused <> _paused;
  return found;
end
$fn$`;
