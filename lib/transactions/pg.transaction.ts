import type { SqlExecutor } from '../interfaces/transaction.interface.js';

/**
 * A `pg` client or a pool's checked-out client, also the native or an instrumented one: known by its methods, so that
 * the copy of `pg` that made it does not matter.
 *
 * A pool has no `escapeIdentifier()`; a TypeORM QueryRunner, which has `query()` and `release()` too, has none either.
 */
export function isPgClient(handle: object): handle is SqlExecutor {
  return has(handle, 'query') && has(handle, 'escapeIdentifier') && has(handle, 'escapeLiteral') && !isPgPool(handle);
}

/** A pool runs each statement on any of its clients, and commits it at once. */
export function isPgPool(handle: object): boolean {
  return has(handle, 'query') && has(handle, 'connect') && 'totalCount' in handle && 'idleCount' in handle;
}

function has(handle: object, method: string): boolean {
  return typeof Reflect.get(handle, method) === 'function';
}
