import type { Pool, PoolClient } from 'pg';
import { DatabaseUnavailableError } from '../../errors/database-unavailable.error.js';
import { StandbyError } from '../../errors/standby.error.js';
import type { Log } from '../../utils/log.js';
import { describeFault, isOutage, isPoolTimeout } from './connection-faults.js';
import { Outage } from './outage.js';
import { Turns } from './turns.js';
import { NoneInTime } from './within-time.js';
import { WorkingClients } from './working-clients.js';

/** Clients asked for at the same time: when the database goes away, no more than these find it out by themselves. */
const AT_ONCE = 3;
/** A try that was made for all of those who wait: ms. More than any host takes, or the pool has no client to try with. */
const TRY_WITHIN = 60_000;

/**
 * Gets clients from a pool, and keeps trying for a while when the database is away.
 *
 * - While it is away one tries for all; a client that is idle all the same is used.
 * - A pool that has no free client in time is not an outage.
 */
export class PatientPool {
  readonly #pool: Pool;
  readonly #patience: number;
  readonly #clients: WorkingClients;
  readonly #outage: Outage;
  readonly #turns = new Turns(AT_ONCE);
  readonly #closing = new AbortController();

  constructor(pool: Pool, options: { patience: number; hosts: number; log: Log }) {
    this.#pool = pool;
    this.#patience = options.patience;
    this.#clients = new WorkingClients(pool, options.hosts, this.#closing.signal);
    this.#outage = new Outage(options.log, () => this.#probe());
  }

  /** Whether a client can be had without waiting for another's to be given back. */
  get hasRoom(): boolean {
    const { idleCount, totalCount, waitingCount, options } = this.#pool;
    return waitingCount === 0 && (idleCount > 0 || totalCount < (options.max ?? 10));
  }

  /** Whether the last try to connect failed. */
  get away(): boolean {
    return this.#outage.on;
  }

  /** Resolves when the database is not away, at the latest after `ms`. */
  async reachable(ms: number): Promise<void> {
    await this.#outage.over(performance.now() + ms);
  }

  /** Whoever still tries gives up. */
  close(): void {
    this.#closing.abort();
    this.#outage.close();
  }

  /** A connection broke: the others may be dead as well, and not know it. */
  broken(): void {
    this.#clients.broken();
  }

  /** @throws DatabaseUnavailableError or StandbyError after the deadline (performance.now()), or when closed; nothing was sent then. */
  async acquire(deadline: number): Promise<PoolClient> {
    while (!this.#closing.signal.aborted) {
      if (!(await this.#turns.enter(deadline))) throw this.#late(new NoneInTime());
      try {
        if (!this.away || this.#pool.idleCount > 0) return await this.#clients.take(deadline);
      } catch (error) {
        this.#note(error, deadline);
      } finally {
        this.#turns.leave();
      }
      if (!(await this.#outage.over(deadline))) throw this.#late(this.#outage.reason);
    }
    throw new DatabaseUnavailableError('The database could not be reached: the connection is closed', false);
  }

  /** Gives a client back; `lost` says why it cannot be used again. */
  release(client: PoolClient, lost?: Error): void {
    this.#clients.release(client, lost);
    if (lost instanceof StandbyError) this.#outage.failed(lost);
    if (this.#pool.idleCount > 0) this.#outage.wakeOne();
  }

  /** Decides whether a failed try is the end of it: throws then. */
  #note(error: unknown, deadline: number): void {
    if (this.#closing.signal.aborted || isPoolTimeout(error)) return;
    if (error instanceof NoneInTime) throw this.#late(error);
    if (!isOutage(error) || (error instanceof StandbyError && !this.#clients.waitsForPrimary)) throw error;
    if (!this.away) this.#clients.broken();
    this.#outage.failed(error);
    if (performance.now() >= deadline) throw this.#late(error);
  }

  #late(reason: unknown): Error {
    const cause = this.#outage.reason ?? reason;
    if (cause instanceof StandbyError) return new StandbyError(cause.message, { cause });
    const how = `within ${this.#patience} ms: ${describeFault(cause)}`;
    return new DatabaseUnavailableError(`The database could not be reached ${how}`, false, { cause });
  }

  /** Whatever else a try shows, the outage is over. */
  async #probe(): Promise<void> {
    try {
      this.#clients.release(await this.#clients.take(performance.now() + TRY_WITHIN));
    } catch (error) {
      if (isOutage(error)) throw error;
    }
  }
}
