import type { SchemaNames } from '../schema-names.js';

/**
 * The advisory lock of one thing of this schema: 'guard' (the reclaim guard), 'queue', 'delayed', 'lane', 'worker'.
 * Two schemas in one database never share a lock but by a collision of 64 bits, which would only make one wait.
 */
export const lockKey = ({ schema: s, literal }: SchemaNames): string => `
create or replace function ${s}.lock_key(kind text, id text default '') returns bigint
language sql immutable parallel safe
return hashtextextended(${literal} || ':' || kind || ':' || id, 0)`;
