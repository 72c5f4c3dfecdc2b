import { inspect } from 'node:util';

/** Whatever was thrown, as an Error: a thrown string is its message; anything else is kept as its `cause`. */
export function toError(thrown: unknown): Error {
  if (isError(thrown)) return thrown;
  if (typeof thrown === 'string') return new Error(thrown);
  return new Error(`Not an Error was thrown: ${safeInspect(thrown)}`, { cause: thrown });
}

function isError(value: unknown): value is Error {
  try {
    return value instanceof Error;
  } catch {
    // a proxy's trap
    return false;
  }
}

function safeInspect(value: unknown): string {
  try {
    return inspect(value, { depth: 1, breakLength: Infinity, maxStringLength: 200, maxArrayLength: 10 });
  } catch {
    // a custom inspect or a proxy may throw
    return typeof value;
  }
}
