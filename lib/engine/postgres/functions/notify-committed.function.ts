import type { SchemaNames } from '../schema-names.js';

/** Beyond this share of the server's notification queue a notification could fail, and polls find what was added. */
const QUEUE_USED = 0.5;

/**
 * Announces what was committed just now, in a transaction that does nothing else, so that its commit waits for no disk and no
 * standby. Null when it does not: nothing may fail then, or whoever adds would think that nothing was written.
 */
export const notifyCommitted = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.notify_committed(_wake text) returns boolean
language plpgsql as $fn$
begin
  if pg_notification_queue_usage() < ${QUEUE_USED} then
    perform set_config('synchronous_commit', 'off', true), ${s}.notify_once(_wake);
    return true;
  end if;
  return null;
end
$fn$`;
