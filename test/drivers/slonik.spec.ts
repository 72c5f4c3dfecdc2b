import { createPool, type DatabaseTransactionConnection, sql } from 'slonik';
import { describeDriver } from './contract.js';

/** Slonik takes nothing but what a tagged template is given. */
const template = (text: string): TemplateStringsArray => Object.assign([text], { raw: Object.freeze([text]) });

describeDriver<DatabaseTransactionConnection>("Slonik's transaction", async ({ url }) => {
  const pool = await createPool(url);
  return {
    transaction: (work) => pool.transaction(work),
    run: (transaction, statement) => transaction.query(sql.unsafe(template(statement))),
    roots: { 'a Slonik pool': pool, 'a Slonik connection': await pool.connect(async (connection) => connection) },
    ended: 'fails',
    close: () => pool.end(),
  };
});
