import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { InvalidTransactionError } from '../../lib/index.js';
import { toExecutor } from '../../lib/transactions/to-executor.js';

describe('tx', () => {
  it('accepts a pg client, as it is', () => {
    const client = new pg.Client();
    expect(toExecutor(client)).toBe(client);
  });

  it('refuses a pool, which would commit at once', () => {
    expect(() => toExecutor(new pg.Pool())).toThrow(InvalidTransactionError);
    expect(() => toExecutor(new pg.Pool())).toThrow(/is a pool.*accepted: the connected client of 'pg'/);
  });

  it.each([
    ['null', null],
    ['a string', 'tx'],
    ['an empty object', {}],
    ['anything with a query()', { query: async () => ({ rows: [] }) }],
    ['a QueryRunner of TypeORM', { query() {}, connect() {}, release() {}, startTransaction() {} }],
    ['a function', () => undefined],
  ])('refuses %s', (_what, handle) => {
    expect(() => toExecutor(handle)).toThrow(InvalidTransactionError);
    expect(() => toExecutor(handle)).toThrow(/accepted: /);
  });
});
