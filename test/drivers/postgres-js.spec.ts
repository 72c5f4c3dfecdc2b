import postgres from 'postgres';
import { describeDriver } from './contract.js';

describeDriver<postgres.TransactionSql>("postgres.js's transaction", async ({ url }) => {
  const sql = postgres(url);
  const reserved = await sql.reserve();
  return {
    transaction: (work) => sql.begin(work),
    run: (tx, statement) => tx.unsafe(statement),
    roots: { 'sql of postgres.js itself': sql, 'a reserved connection of postgres.js': reserved },
    ended: 'unknown',
    async close() {
      reserved.release();
      await sql.end();
    },
  };
});
