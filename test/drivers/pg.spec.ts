import pg from 'pg';
import { describeDriver } from './contract.js';

describeDriver<pg.PoolClient>("a client of 'pg'", async ({ url }) => {
  const pool = new pg.Pool({ connectionString: url });
  const idle = await pool.connect();
  return {
    async transaction(work) {
      const client = await pool.connect();
      try {
        await client.query('begin');
        await work(client);
        await client.query('commit');
      } catch (error) {
        await client.query('rollback');
        throw error;
      } finally {
        client.release();
      }
    },
    run: (tx, statement) => tx.query(statement),
    roots: { "a pool of 'pg'": pool, "a client of 'pg' on which no transaction is open": idle },
    ended: 'refused',
    async close() {
      idle.release();
      await pool.end();
    },
  };
});
