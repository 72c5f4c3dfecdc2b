import pg from 'pg';
import type { ClientConfig, Pool, PoolConfig } from 'pg';
import { refuseOptions } from '../../errors/invalid-options.error.js';
import type { ResolvedModuleOptions } from '../../interfaces/resolved-module-options.interface.js';
import { Hosts } from './hosts.js';
import { readHosts } from './read-hosts.js';

/** How long one host may take to let a client in, unless `connectionTimeoutMillis` says it: ms. */
const CONNECT_WITHIN = 5_000;

/** Where statements go, and where LISTEN connects. */
export interface OpenedPool {
  readonly pool: Pool;
  /** How many hosts one try has to go round. */
  readonly hosts: number;
  readonly listenHosts: Hosts;
}

/** @throws InvalidOptionsError for an address that cannot be used; nothing connects yet. */
export function openPool({ connection, pool, listen, connectTimeout }: ResolvedModuleOptions): OpenedPool {
  const refuse = refuseOptions('PgQueueModule.forRoot()');
  const hostsOf = (option: string, address: string | ClientConfig): Hosts => {
    const config = typeof address === 'string' ? { connectionString: address } : address;
    const configs = readHosts({ ...KEPT, ...config }, (problem) => refuse(option, problem));
    return new Hosts(configs, Math.min(CONNECT_WITHIN, connectTimeout));
  };
  const listenHosts = listen === undefined || listen === false ? undefined : hostsOf('listen', listen);
  if (pool !== undefined) {
    // it keeps secrets where a spread does not see them
    const { options } = pool;
    const given: ClientConfig = { ...options, password: options.password, ssl: options.ssl, keepAlive: true };
    return { pool, hosts: 1, listenHosts: listenHosts ?? hostsOf('pool', given) };
  }
  const given: PoolConfig = typeof connection === 'string' ? { connectionString: connection } : { ...connection };
  const hosts = hostsOf('connection', given);
  const Client = hosts.clientClass(given.Client as typeof pg.Client | undefined);
  return { pool: new pg.Pool({ ...given, Client }), hosts: hosts.count, listenHosts: listenHosts ?? hosts };
}

/** What a firewall would forget for being idle is kept, and what is dead is noticed. */
const KEPT: ClientConfig = { keepAlive: true, keepAliveInitialDelayMillis: 10_000, application_name: 'pgqueue' };
