import type { ClientBase } from 'pg';

/** What each statement of the log runs in when the database's defaults would not do. */
const BEGIN = 'begin isolation level read committed read write';

export async function inTransaction<T>(client: ClientBase, work: () => Promise<T>): Promise<T> {
  await client.query(BEGIN);
  try {
    const result = await work();
    await client.query('commit');
    return result;
  } catch (error) {
    await client.query('rollback').catch(() => undefined);
    throw error;
  }
}
