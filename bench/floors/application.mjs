import pg from 'pg';
import { startNestApplication } from '../lib/application.mjs';

/** This package at its defaults, on a pool whose statements are counted; handlers do nothing but say that they ran. */
export async function startApplication({ url, schema, queue = 'bench', onData, options = {} }) {
  const pool = new pg.Pool({ connectionString: url });
  let statements = 0;
  pool.on('connect', (client) => {
    const query = client.query.bind(client);
    client.query = (...args) => {
      statements++;
      return query(...args);
    };
  });
  const app = await startNestApplication({
    options: { pool, schema, migrations: 'apply', listen: url, ...options },
    run: onData,
  });
  return {
    queue: app.queue(queue),
    start: app.start,
    get statements() {
      return statements;
    },
    async close() {
      await app.close();
      await pool.end();
    },
  };
}
