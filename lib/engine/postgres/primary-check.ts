import type { ClientBase } from 'pg';
import { StandbyError } from '../../errors/standby.error.js';
import { sqlState } from './connection-faults.js';

/** The server refused to write: a standby, or one whose default is read-only; or it refused `begin read write`. */
const REFUSES_WRITES = new Set(['25006', '0A000']);

/** @throws StandbyError when the server is in recovery. */
export async function requirePrimary(client: ClientBase, cause?: unknown): Promise<void> {
  const { rows } = await client.query<{ standby: boolean }>('select pg_is_in_recovery() as standby');
  if (rows[0]?.standby === true) {
    throw new StandbyError(
      'The database is a standby (in recovery): nothing can be written there. Connect to the primary, or name all hosts, as postgres://user:password@host1,host2/database?target_session_attrs=read-write: the primary among them is found.',
      { cause },
    );
  }
}

/** Runs what may find out that the server has become a standby, and says so then. */
export async function onPrimary<T>(client: ClientBase, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (REFUSES_WRITES.has(sqlState(error) ?? '')) await requirePrimary(client, error);
    throw error;
  }
}
