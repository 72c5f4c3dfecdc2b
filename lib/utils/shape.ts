import { describeValue } from './describe-value.js';
import { memberPath } from './member-path.js';
import { nearest } from './nearest.js';

/** Throws: says which path, and what is wrong there. Decides the class of the error, which has the `cause` that is given. */
export type Refuse = (path: string, problem: string, options?: ErrorOptions) => never;

/** Returns the value, converted to what is used inside, or refuses it. */
export type Check<T> = (value: unknown, path: string, refuse: Refuse) => T;

/** One check per option: what has none is unknown. */
export type Shape<T extends object> = { readonly [K in keyof T]-?: Check<T[K]> };

/**
 * Reads an object of options by its table.
 *
 * - An option that is absent or `undefined` is absent in the result: defaults are the caller's.
 * - An unknown option is refused, with the nearest known one: a mistyped option must not be ignored.
 */
export function readShape<T extends object>(value: unknown, path: string, shape: Shape<T>, refuse: Refuse): Partial<T> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return refuse(path || 'options', `must be an object, not ${describeValue(value)}`);
  }
  const read: Partial<T> = {};
  for (const [key, member] of Object.entries(value)) {
    if (!isKey(key, shape)) return refuseUnknown(key, member, path, Object.keys(shape), refuse);
    if (member !== undefined) read[key] = shape[key](member, memberPath(path, key), refuse);
  }
  return read;
}

function isKey<T extends object>(key: string, shape: Shape<T>): key is keyof T & string {
  // not `in`: 'constructor' is no option
  return Object.hasOwn(shape, key);
}

function refuseUnknown(key: string, value: unknown, path: string, known: readonly string[], refuse: Refuse): never {
  const meant = nearest(key, known);
  const hint = meant ? `did you mean '${meant}'?` : `known: ${known.join(', ')}`;
  return refuse(memberPath(path, key), `= ${describeValue(value)} is no option; ${hint}`);
}
