import { SEGMENTS, SqlState } from '../schema-names.js';

/**
 * The locks under which a run that waits or is delayed stays where it is, each in a statement of its own: for whoever ends or
 * changes one. Taken before he looks where it stands.
 *
 * - `changes`: the tables of which rows are updated or deleted, wherever they stand. Before the others, as reclaiming locks
 *   a segment for as long as it copies what is still needed: claims must not wait for that behind who waits for it.
 */
export const LOCK_RUNS = (
  s: string,
  ...changes: ('entry' | 'delayed' | 'result')[]
): string => `${LOCK_CHANGED(s, changes)}
  perform pg_advisory_xact_lock_shared(${s}.lock_key('guard'));
  perform pg_advisory_xact_lock(${s}.lock_key('queue', _queue_id::text));
  perform pg_advisory_xact_lock(${s}.lock_key('delayed', _queue_id::text));`;

/** The first of these alone. */
export const LOCK_CHANGED = (s: string, changes: readonly string[]): string =>
  changes.length === 0
    ? ''
    : `
  lock table ${changes.flatMap((ring) => SEGMENTS.map((i) => `${s}.${ring}_${i}`)).join(', ')} in row exclusive mode;`;

/**
 * Refuses a snapshot from before the locks, as stricter isolation keeps it: a run that was claimed since would be taken for one
 * that waits, and get a second result in another segment than the one its lease names; and rows that were moved since would be missed.
 */
export const REFUSE_OLD_SNAPSHOT = (name: string): string => `
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception '${name}() runs in a READ COMMITTED transaction' using errcode = '${SqlState.wrongTransaction}',
      hint = 'call it outside of a transaction block, or in one of that isolation';
  end if;`;
