/**
 * The locks under which a run that waits or is delayed stays where it is, each in a statement of its own: for whoever ends or
 * changes one. Taken before he looks where it stands.
 */
export const LOCK_RUNS = (s: string): string => `
  perform pg_advisory_xact_lock_shared(${s}.lock_key('guard'));
  perform pg_advisory_xact_lock(${s}.lock_key('queue', _queue_id::text));
  perform pg_advisory_xact_lock(${s}.lock_key('delayed', _queue_id::text));`;
