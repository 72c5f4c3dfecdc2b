import { sql } from 'drizzle-orm';
import { drizzle as onPg } from 'drizzle-orm/node-postgres';
import { drizzle as onPostgresJs } from 'drizzle-orm/postgres-js';
import { sql as sql1 } from 'drizzle-orm-1';
import { drizzle as onPg1 } from 'drizzle-orm-1/node-postgres';
import pg from 'pg';
import postgres from 'postgres';
import { describeDriver } from './contract.js';

/** What the callback of a database's transaction() is given. */
type TransactionOf<Database extends { transaction: (work: never) => unknown }> = Database['transaction'] extends (
  work: (tx: infer Tx) => Promise<infer _>,
  ...rest: never[]
) => unknown
  ? Tx
  : never;

describeDriver<TransactionOf<ReturnType<typeof onPg>>>("Drizzle's transaction on node-postgres", async ({ url }) => {
  const pool = new pg.Pool({ connectionString: url });
  const db = onPg({ client: pool });
  return {
    transaction: (work) => db.transaction(work),
    run: (tx, statement) => tx.execute(sql.raw(statement)),
    roots: { 'a Drizzle database': db },
    ended: 'refused',
    close: () => pool.end(),
  };
});

describeDriver<TransactionOf<ReturnType<typeof onPostgresJs>>>(
  "Drizzle's transaction on postgres.js",
  async ({ url }) => {
    const client = postgres(url);
    const db = onPostgresJs({ client });
    return {
      transaction: (work) => db.transaction(work),
      run: (tx, statement) => tx.execute(sql.raw(statement)),
      roots: { 'a Drizzle database': db },
      ended: 'unknown',
      close: () => client.end(),
    };
  },
);

describeDriver<TransactionOf<ReturnType<typeof onPg1>>>(
  "Drizzle's transaction in the version to come",
  async ({ url }) => {
    const pool = new pg.Pool({ connectionString: url });
    const db = onPg1({ client: pool });
    return {
      transaction: (work) => db.transaction(work),
      run: (tx, statement) => tx.execute(sql1.raw(statement)),
      roots: { 'a Drizzle database': db },
      ended: 'refused',
      close: () => pool.end(),
    };
  },
);
