import type { PoolClient } from 'pg';
import { DatabaseUnavailableError } from '../../errors/database-unavailable.error.js';
import { StandbyError } from '../../errors/standby.error.js';
import { isConnectionFault, NoAnswer } from './connection-faults.js';
import type { PatientPool } from './patient-pool.js';
import { onPrimary } from './primary-check.js';
import { withinTime } from './within-time.js';

/**
 * Lends a client, which must be had by one deadline and be done by the other (performance.now()); drops it when the
 * connection breaks, when the time is over or when it is a standby's.
 *
 * @throws DatabaseUnavailableError, which says whether anything was sent; StandbyError: nothing was written then.
 */
export async function lend<T>(
  pool: PatientPool,
  { reachBy, doneBy }: { reachBy: number; doneBy: number },
  work: (client: PoolClient) => Promise<T>,
): Promise<T> {
  const client = await pool.acquire(reachBy);
  const patience = doneBy - performance.now();
  let lost: Error | undefined;
  const onError = (error: Error): void => {
    lost = error;
  };
  client.on('error', onError);
  try {
    return await withinTime(
      onPrimary(client, () => work(client)),
      doneBy,
      () => new NoAnswer(patience),
    );
  } catch (error) {
    if (lost === undefined && !isConnectionFault(error) && !(error instanceof StandbyError)) throw error;
    lost ??= error as Error;
    if (lost instanceof StandbyError) throw lost;
    throw new DatabaseUnavailableError(`The connection to the database broke: ${(error as Error).message}`, true, {
      cause: error,
    });
  } finally {
    client.off('error', onError);
    pool.release(client, lost);
  }
}
