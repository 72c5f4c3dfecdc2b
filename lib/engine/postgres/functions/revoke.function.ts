import { perSegment, type SchemaNames } from '../schema-names.js';

/**
 * Ends a run that waits or is delayed, so that claims and promotions pass over it. Under the queue's lock ('queue') or the
 * delayed ones' ('delayed'), which the caller has taken before he looked where the run stands.
 */
export const revoke = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.revoke(_queue_id int, _job_id bigint, _run int, _state "char") returns void
language plpgsql as $fn$
declare
  _segment smallint;
begin
  select r.current into _segment from ${s}.ring r where r.ring = 'result';
  ${perSegment(
    '_segment',
    (i) => `
  insert into ${s}.result_${i} (queue_id, job_id, run, state, revoked) values (_queue_id, _job_id, _run, _state, true);`,
  )}
end
$fn$`;
