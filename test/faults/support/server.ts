import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type LocalPostgres, startLocalPostgres } from '../../../sample/local-postgres.js';
import { until } from '../../support/signals.js';

/** What a production server has: a fault suite on one that loses data would prove nothing. */
export const DURABLE = { fsync: 'on', synchronous_commit: 'on', full_page_writes: 'on' } as const;

export type Settings = Record<string, string | number>;

export interface ServerOptions {
  readonly settings?: Settings;
  /** Where its data is; default: a temporary directory. */
  readonly home?: string;
}

/** A PostgreSQL of a test's own, which can be ended in every way and comes back at the same address. */
export class Server {
  readonly url: string;
  readonly port: number;
  readonly home: string;
  #local: LocalPostgres | undefined;
  readonly #settings: Settings;

  constructor(local: LocalPostgres, home: string, settings: Settings) {
    this.#local = local;
    this.url = local.url;
    this.port = local.port;
    this.home = home;
    this.#settings = settings;
  }

  get dataDir(): string {
    return path.join(this.home, 'data');
  }

  /** The postmaster's process, when it runs. */
  get pid(): number {
    return Number(readFileSync(path.join(this.dataDir, 'postmaster.pid'), 'utf8').split('\n')[0]);
  }

  /** `fast` rolls back and disconnects; `immediate` recovers from its log afterwards, as after a power cut. */
  async end(how: 'fast' | 'immediate'): Promise<number> {
    const { pid } = this;
    process.kill(pid, how === 'fast' ? 'SIGINT' : 'SIGQUIT');
    await until('the server to be gone', () => !isAlive(pid), 30_000);
    await this.#local?.stop();
    this.#local = undefined;
    return pid;
  }

  async start(settings: Settings = {}): Promise<void> {
    this.#local = await startLocalPostgres({
      dataDir: this.home,
      port: this.port,
      settings: { ...this.#settings, ...settings },
    });
  }

  async remove(): Promise<void> {
    await this.#local?.stop();
    this.#local = undefined;
    rmSync(this.home, { recursive: true, force: true });
  }
}

export async function startServer({ settings = DURABLE, home }: ServerOptions = {}): Promise<Server> {
  const at = home ?? mkdtempSync(path.join(tmpdir(), 'faults-postgres-'));
  const local = await startLocalPostgres({ dataDir: at, settings });
  return new Server(local, at, settings);
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
