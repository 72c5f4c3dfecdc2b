import type { ClientBase } from 'pg';
import type { PgConnection } from './connection.js';
import { inTransaction } from './transaction.js';

/** Nobody waits for it, but it has to end: ms. */
const WITHIN = 600_000;

/**
 * Work on the log that may take minutes, in a transaction of its own: not cut short by the role's `statement_timeout`, which
 * a statement cannot lift from itself. The signal cancels it, on the server: whoever shuts down does not wait for it.
 */
export async function longWork<T>(
  connection: PgConnection,
  work: (client: ClientBase) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  return connection.use(
    (client) =>
      inTransaction(client, async () => {
        const { rows } = await client.query<{ pid: number }>(
          `select pg_backend_pid() as pid, set_config('statement_timeout', '0', true)`,
        );
        let ended = false;
        let cancelling: Promise<unknown> | undefined;
        const cancel = (): void => {
          const cancelled = connection.use(async (other) => {
            if (ended) return;
            cancelling = other.query('select pg_cancel_backend($1)', [rows[0]!.pid]);
            await cancelling;
          });
          cancelled.catch(() => undefined);
        };
        signal?.throwIfAborted();
        signal?.addEventListener('abort', cancel, { once: true });
        try {
          return await work(client);
        } finally {
          ended = true;
          signal?.removeEventListener('abort', cancel);
          // it would hit whatever this client is used for next
          await cancelling?.catch(() => undefined);
        }
      }),
    WITHIN,
  );
}
