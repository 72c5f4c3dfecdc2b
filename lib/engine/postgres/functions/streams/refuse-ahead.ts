import { SqlState } from '../../schema-names.js';

/** Refuses a cursor that is ahead of this server: another cluster's, or none. What is read after it would be passed over. */
export const refuseAhead = (s1: string): string => `
  if pg_snapshot_xmax(${s1}) > pg_snapshot_xmax(pg_current_snapshot()) then
    raise exception 'the cursor is ahead of this server: it is another cluster''s' using errcode = '${SqlState.invalidCursor}',
      hint = 'read from the start, or from a time';
  end if;`;
