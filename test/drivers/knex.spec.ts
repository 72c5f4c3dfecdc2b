import knexOf, { type Knex } from 'knex';
import { describeDriver } from './contract.js';

describeDriver<Knex.Transaction>("Knex's transaction", async ({ url }) => {
  const knex = knexOf({ client: 'pg', connection: url });
  return {
    transaction: (work) => knex.transaction(work),
    run: (trx, statement) => trx.raw(statement),
    roots: { 'knex itself': knex },
    ended: 'refused',
    close: () => knex.destroy(),
  };
});
