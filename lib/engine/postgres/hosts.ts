import pg from 'pg';
import type { ClientBase, ClientConfig } from 'pg';

/** A client of one host among several. */
export interface HostedClient {
  /** Its host turned out to be none to write to: the next connection tries the next one. */
  hostFailed?(): void;
}

type Connected = (error: Error | null, client?: ClientBase) => void;

/**
 * The hosts of which one is the primary.
 *
 * - Tried in their order and round again, beginning with the one that worked last. Whoever connects says which it was
 *   that failed, so that several connections at once move on by one host.
 */
export class Hosts {
  readonly #configs: readonly ClientConfig[];
  readonly #connectWithin: number;
  #current = 0;

  constructor(configs: readonly ClientConfig[], connectWithin: number) {
    this.#configs = configs;
    this.#connectWithin = connectWithin;
  }

  get count(): number {
    return this.#configs.length;
  }

  /** A class of clients whose every instance goes to the host whose turn it is; what `pg` would tell it is not heeded. */
  clientClass(Base: typeof pg.Client = pg.Client): new () => pg.Client & HostedClient {
    const pick = (): ClientConfig => this.#configs[this.#current]!;
    const failed = (config: ClientConfig): void => {
      if (config === pick()) this.#current = (this.#current + 1) % this.#configs.length;
    };
    const connectWithin = this.#connectWithin;
    class HostClient extends Base implements HostedClient {
      readonly #config: ClientConfig;

      constructor() {
        const config = pick();
        // without a limit one that a dead path swallows holds its place in the pool for minutes
        super({ ...config, connectionTimeoutMillis: config.connectionTimeoutMillis ?? connectWithin });
        this.#config = config;
      }

      hostFailed(): void {
        failed(this.#config);
      }

      override connect(): Promise<pg.Client>;
      override connect(callback: Connected): void;
      override connect(callback?: Connected): Promise<pg.Client> | void {
        if (callback === undefined) {
          return super.connect().catch((error: unknown) => {
            this.hostFailed();
            throw error;
          });
        }
        super.connect((error: Error | null) => {
          if (error) this.hostFailed();
          callback(error, this);
        });
      }
    }
    return HostClient;
  }
}
