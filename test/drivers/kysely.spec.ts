import { CamelCasePlugin, type ControlledTransaction, Kysely, PostgresDialect, sql, type Transaction } from 'kysely';
import pg from 'pg';
import { describeDriver } from './contract.js';

const database = (url: string): Kysely<object> =>
  new Kysely({
    dialect: new PostgresDialect({ pool: new pg.Pool({ connectionString: url }) }),
    plugins: [new CamelCasePlugin()],
  });

describeDriver<Transaction<object>>("Kysely's transaction", async ({ url }) => {
  const db = database(url);
  return {
    transaction: (work) => db.transaction().execute(work),
    run: (trx, statement) => sql.raw(statement).execute(trx),
    roots: { 'a Kysely database': db },
    ended: 'fails',
    close: () => db.destroy(),
  };
});

describeDriver<ControlledTransaction<object>>("Kysely's transaction that startTransaction() began", async ({ url }) => {
  const db = database(url);
  return {
    async transaction(work) {
      const trx = await db.startTransaction().execute();
      try {
        await work(trx);
        await trx.commit().execute();
      } catch (error) {
        await trx.rollback().execute();
        throw error;
      }
    },
    run: (trx, statement) => sql.raw(statement).execute(trx),
    roots: { 'a Kysely database': db },
    ended: 'refused',
    close: () => db.destroy(),
  };
});
