import pg from 'pg';
import { startNestApplication } from '../../lib/application.mjs';

/** This package at its defaults, without queues; `consumers` as startNestApplication() takes them. */
export async function startStreamApplication({ url, schema, consumers = [], options = {} }) {
  const pool = new pg.Pool({ connectionString: url });
  const app = await startNestApplication({
    options: { pool, schema, migrations: 'apply', listen: url, ...options },
    queues: [],
    consumers,
  });
  return {
    ...app,
    async close() {
      await app.close();
      await pool.end();
    },
  };
}
