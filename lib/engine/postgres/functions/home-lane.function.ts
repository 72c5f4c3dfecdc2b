import type { SchemaNames } from '../schema-names.js';

/** Each lane has a front lane, served just before it, for runs that were handed back: -1 - lane, and the same way home. */
export const homeLane = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.home_lane(lane int) returns int
language sql immutable parallel safe
return case when lane < 0 then -1 - lane else lane end`;
