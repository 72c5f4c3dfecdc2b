import type { Transaction } from '@electric-sql/pglite';
import { describeDriver } from './contract.js';
import { pglitePlace, type PglitePlace } from './support/pglite-place.js';

let place: PglitePlace;

describeDriver<Transaction>(
  "PGlite's transaction (the schema is in PGlite, and the application works there over its socket server)",
  async () => ({
    transaction: (work) => place.alone(async (pglite) => pglite.transaction(work)),
    run: (tx, statement) => tx.query(statement),
    roots: { 'a PGlite database': place.pglite },
    ended: 'refused',
    close: async () => undefined,
  }),
  { pgque: false, place: async () => (place = await pglitePlace()) },
);
