import { types } from 'node:util';

/** What JSON would lose of an object that is neither plain nor an array; `undefined` for a class's instance, which is stored as its fields. */
export function exoticProblem(value: object): string | undefined {
  if (types.isMap(value)) return lost('a Map', 'Object.fromEntries(map)');
  if (types.isSet(value)) return lost('a Set', '[...set]');
  if (types.isNativeError(value)) return lost('an Error', 'error.message');
  if (types.isRegExp(value)) return lost('a RegExp', 'regexp.source');
  if (types.isPromise(value)) return lost('a Promise', 'await it');
  if (ArrayBuffer.isView(value)) return lost('binary data', `Buffer.from(...).toString('base64')`);
  if (types.isAnyArrayBuffer(value)) return lost('an ArrayBuffer', `Buffer.from(...).toString('base64')`);
  if (types.isWeakMap(value) || types.isWeakSet(value) || value instanceof WeakRef)
    return 'is a weak reference, which JSON cannot hold';
  if (types.isBoxedPrimitive(value)) return 'is a boxed primitive: pass the primitive value';
  return undefined;
}

function lost(what: string, remedy: string): string {
  return `is ${what}, whose content JSON loses: use ${remedy}`;
}
