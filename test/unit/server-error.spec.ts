import { describe, expect, it } from 'vitest';
import { serverError } from '../../lib/utils/server-error.js';

/** As drivers and ORMs make them; test/drivers/ has the real ones. */
function wrapped(message: string, members: object): Error {
  return Object.assign(new Error(message), members);
}

const raised = wrapped('taken', { code: 'PQ001', severity: 'ERROR' });
const said = { code: 'PQ001', message: 'taken' };

describe('what the server has said', () => {
  it.each([
    ['by itself', raised],
    ['as a cause (Drizzle, Slonik)', wrapped('Failed query', { cause: raised })],
    ['with its code taken over (TypeORM)', wrapped('QueryFailed', { code: 'PQ001', driverError: raised })],
    ['twice (Sequelize)', wrapped('DatabaseError', { original: raised, parent: raised })],
    [
      'under another name (Prisma)',
      wrapped('Invalid invocation', {
        code: 'P2010',
        meta: { driverAdapterError: wrapped('x', { cause: { originalCode: 'PQ001', originalMessage: 'taken' } }) },
      }),
    ],
    ['without an adapter (Prisma)', wrapped('Invalid invocation', { code: 'P2010', meta: { ...said } })],
  ])('is found %s', (_how, error) => {
    expect(serverError(error)).toEqual(said);
  });

  const circular = wrapped('circular', {});
  Object.assign(circular, { cause: circular });

  it.each([
    ['nothing', undefined],
    ['a text', 'PQ001'],
    ['a connection that broke', wrapped('reset', { code: 'ECONNRESET' })],
    ["a code of Prisma's own", wrapped('closed', { code: 'P2028', meta: { error: 'closed' } })],
    ['an error that is its own cause', circular],
  ])('is nothing in %s', (_what, error) => {
    expect(serverError(error)).toBeUndefined();
  });
});
