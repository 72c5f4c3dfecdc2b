import type { PGlite, Transaction } from '@electric-sql/pglite';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeDriver } from './contract.js';
import { ORDERS_TABLE, placeOrder } from './support/place-order.js';
import { pglitePlace, type PglitePlace } from './support/pglite-place.js';

let place: PglitePlace;

beforeAll(async () => {
  place = await pglitePlace();
});
afterAll(async () => place.close());

describeDriver<Transaction>(
  "PGlite's transaction (the schema is in PGlite, and the application works there over its socket server)",
  async () => ({
    transaction: (work) => place.alone(async (pglite) => pglite.transaction(work)),
    run: (tx, statement) => tx.query(statement),
    roots: { 'a PGlite database': place.pglite },
    ended: 'refused',
    close: async () => undefined,
  }),
  { pgque: false, place: async () => ({ ...place, close: async () => undefined }) },
);

it('the example of docs/transactions.md adds the order’s job in its transaction: pglite', async () => {
  await place.query(ORDERS_TABLE);
  const handle: Pick<PGlite, 'transaction'> = {
    transaction: async (work) => place.alone(async (pglite) => pglite.transaction(work)),
  };
  const { order, job } = await placeOrder(place, 'pglite', handle);
  expect(order).toBeDefined();
  expect(job).toEqual(order);
});
