import type { PgConnection } from './connection.js';
import { sqlState } from './connection-faults.js';
import { longWork } from './long-work.js';
import { SqlState } from './schema-names.js';
import type { Statement } from './statement.js';

/** Makes a log that another cluster has written this one's. @param force also when the cluster is the same by its identifier. */
export async function adopt(connection: PgConnection, force: boolean): Promise<void> {
  await longWork(connection, async (client) => client.query(`select ${connection.names.schema}.adopt($1)`, [force]));
}

/** Runs a statement that hands something out; a log that another cluster has written is made this one's first. */
export async function adopting<Row extends object>(
  connection: PgConnection,
  statement: string | Statement,
  values: unknown[],
): Promise<Row[]> {
  try {
    return await connection.query<Row>(statement, values);
  } catch (error) {
    if (sqlState(error) !== SqlState.foreignCluster) throw error;
    await adopt(connection, true);
    return connection.query<Row>(statement, values);
  }
}
