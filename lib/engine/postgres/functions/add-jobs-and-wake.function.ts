import type { SchemaNames } from '../schema-names.js';

/**
 * add_jobs(), committed, and then the notification in a transaction of its own: one round trip for both, so that workers
 * hear of a job as soon as it is durable. Only outside of a transaction block.
 *
 * - NOTIFY makes commits wait for each other across the whole database: this second commit writes no job, and waits for no
 *   disk and no standby.
 * - `also`: what else is to be announced. `notified` is not null when it was.
 */
export const addJobsAndWake = ({ schema: s }: SchemaNames): string => `
create or replace procedure ${s}.add_jobs_and_wake(
  _queue_id int, _shapes text, _shape_of text, _payloads text, _also text,
  inout ids text, inout at text, inout existing text, inout wake text, inout notified boolean
) language plpgsql as $fn$
begin
  select a.ids, a.at, a.existing, a.wake into ids, at, existing, wake
    from ${s}.add_jobs(_queue_id, _shapes, _shape_of, _payloads) a;
  commit;
  notified := ${s}.notify_committed(concat_ws(' ', wake, _also));
end
$fn$`;
