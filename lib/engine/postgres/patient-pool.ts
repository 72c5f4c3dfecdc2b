import type { Pool, PoolClient } from 'pg';
import { DatabaseUnavailableError } from '../../errors/database-unavailable.error.js';
import { pause, retryPause } from '../../utils/pause.js';
import { isConnectionFault } from './connection-faults.js';

/** Gets clients from a pool, and keeps trying for a while when the database is away. */
export class PatientPool {
  readonly pool: Pool;
  readonly #patience: number;
  readonly #closing = new AbortController();

  constructor(pool: Pool, patience: number) {
    this.pool = pool;
    this.#patience = patience;
  }

  /** Whether a client can be had without waiting for another's to be given back. */
  get hasRoom(): boolean {
    const { idleCount, totalCount, waitingCount, options } = this.pool;
    return waitingCount === 0 && (idleCount > 0 || totalCount < (options.max ?? 10));
  }

  /** Whoever still tries gives up. */
  close(): void {
    this.#closing.abort();
  }

  /** @throws DatabaseUnavailableError after the deadline (performance.now()), or when closed; nothing was sent then. */
  async acquire(deadline: number): Promise<PoolClient> {
    for (let tries = 0; ; tries++) {
      try {
        this.#closing.signal.throwIfAborted();
        return await this.#connect(deadline);
      } catch (error) {
        const closed = this.#closing.signal.aborted;
        if (!closed && !isConnectionFault(error) && !(error instanceof NoneInTime)) throw error;
        const wait = retryPause(tries);
        if (closed || wait >= deadline - performance.now()) {
          const how = closed ? ': the connection is closed' : ` within ${this.#patience} ms: ${describe(error)}`;
          throw new DatabaseUnavailableError(`The database could not be reached${how}`, false, { cause: error });
        }
        await pause(wait, this.#closing.signal);
      }
    }
  }

  /** The pool's own time-out is the user's to set: a client that comes too late is given back. */
  async #connect(deadline: number): Promise<PoolClient> {
    const connecting = this.pool.connect();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new NoneInTime()), deadline - performance.now());
    });
    try {
      return await Promise.race([connecting, late]);
    } catch (error) {
      if (error instanceof NoneInTime) connecting.then((client) => client.release()).catch(() => undefined);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }
}

class NoneInTime extends Error {
  constructor() {
    super('no connection became free');
  }
}

function describe(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(describe).join('; ');
  return error instanceof Error ? error.message : String(error);
}
