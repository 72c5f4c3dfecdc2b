import { hasUnstorableCharacter } from './text.js';

// PostgreSQL cuts identifiers at 63 bytes in silence; the names of channels and of advisory locks add to the schema's
const MAX_BYTES = 48;

/** What is wrong with a schema's name, for a message; `undefined` when nothing is. It is quoted wherever it is used. */
export function schemaNameProblem(name: string): string | undefined {
  if (name === '') return 'must not be empty';
  if (hasUnstorableCharacter(name)) return 'must not contain a NUL character or a lone surrogate';
  // what encloses the functions' bodies, in which the name stands
  if (name.includes('$fn$')) return `must not contain '$fn$'`;
  if (Buffer.byteLength(name) > MAX_BYTES) return `must be at most ${MAX_BYTES} bytes long`;
  if (name.startsWith('pg_')) return `must not begin with 'pg_', which PostgreSQL keeps for itself`;
  return undefined;
}
