import type { Pool, PoolClient } from 'pg';
import { StandbyError } from '../../errors/standby.error.js';
import { isOutage, NoAnswer } from './connection-faults.js';
import type { HostedClient } from './hosts.js';
import { requirePrimary } from './primary-check.js';
import { NoneInTime, withinTime } from './within-time.js';

/** How long a client that was idle when another broke may take to show that it still works: ms. */
const PROOF_WITHIN = 3_000;

/** The clients of a pool that can be used: not a standby's, nor one that was idle when another broke and has not answered since. */
export class WorkingClients {
  readonly #pool: Pool;
  readonly #hosts: number;
  readonly #closing: AbortSignal;
  /** The number of breaks before the client last answered. */
  readonly #answered = new WeakMap<PoolClient, number>();
  #breaks = 0;
  #reached = false;

  constructor(pool: Pool, hosts: number, closing: AbortSignal) {
    this.#pool = pool;
    this.#hosts = hosts;
    this.#closing = closing;
  }

  /** At startup somebody waits to read what is wrong with the one address that is given. */
  get waitsForPrimary(): boolean {
    return this.#reached || this.#hosts > 1;
  }

  /** A connection broke: the others may be dead as well, and not know it. */
  broken(): void {
    this.#breaks++;
  }

  /** Tries each host once. @throws what the last try failed with; NoneInTime. */
  async take(deadline: number): Promise<PoolClient> {
    for (let left = this.#hosts; ; left--) {
      try {
        return await this.#working(deadline);
      } catch (error) {
        if (left <= 1 || !isOutage(error)) throw error;
      }
    }
  }

  /** Gives a client back; `lost` says why it cannot be used again. */
  release(client: PoolClient, lost?: Error): void {
    if (lost !== undefined) this.broken();
    if (lost instanceof StandbyError) (client as HostedClient).hostFailed?.();
    client.release(lost ?? false);
  }

  async #working(deadline: number): Promise<PoolClient> {
    for (;;) {
      const client = await this.#checkOut(deadline);
      const before = this.#answered.get(client);
      const breaks = this.#breaks;
      if (before === breaks) return client;
      try {
        await ask(client, before === undefined ? deadline : Math.min(deadline, performance.now() + PROOF_WITHIN));
        this.#answered.set(client, breaks);
        this.#reached = true;
        return client;
      } catch (error) {
        if (error instanceof StandbyError) (client as HostedClient).hostFailed?.();
        client.release(error as Error);
        // that an old one is dead says nothing about the database
        if (before === undefined) throw error;
      }
    }
  }

  /** The pool's own time-out is the user's to set: a client that comes too late is given back. */
  async #checkOut(deadline: number): Promise<PoolClient> {
    const connecting = this.#pool.connect();
    try {
      return await withinTime(connecting, deadline, () => new NoneInTime(), this.#closing);
    } catch (error) {
      if (error instanceof NoneInTime) connecting.then((client) => client.release()).catch(() => undefined);
      throw error;
    }
  }
}

const ignore = (): void => undefined;

/** Its own error listener: one without any would end the process. */
async function ask(client: PoolClient, deadline: number): Promise<void> {
  const patience = deadline - performance.now();
  client.on('error', ignore);
  try {
    await withinTime(requirePrimary(client), deadline, () => new NoAnswer(patience));
  } finally {
    client.off('error', ignore);
  }
}
