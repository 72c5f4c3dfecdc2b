import pg from 'pg';
import type { ClientConfig } from 'pg';
import { ENCODED, list, splitConnectionString } from './connection-string.js';

/** What libpq knows; a server that only reads is none of ours. */
const WRITABLE = new Set(['any', 'read-write', 'primary']);
const READING = new Set(['read-only', 'standby', 'prefer-standby']);

/**
 * One configuration for each host that the connection string, `host` and `port`, or the PG* variables name: `pg` knows
 * one host only. A connection with a single host stays as it is.
 */
export function readHosts(
  config: ClientConfig,
  refuse: (problem: string) => never,
  env: Readonly<Record<string, string | undefined>> = process.env,
): readonly ClientConfig[] {
  const { connectionString } = config;
  const url = connectionString === undefined ? undefined : splitConnectionString(connectionString, refuse);
  checkSessionAttrs(url?.sessionAttrs ?? env['PGTARGETSESSIONATTRS'] ?? 'any', refuse);
  const hosts = given(url?.hosts) ?? list(config.host) ?? list(env['PGHOST']) ?? [];
  const ports = given(url?.ports) ?? list(config.port) ?? list(env['PGPORT']) ?? [''];
  for (const port of ports) checkPort(port, refuse);
  if (ports.length > 1 && ports.length !== hosts.length) {
    refuse(`names ${hosts.length} hosts and ${ports.length} ports: give one port for all hosts, or one for each`);
  }
  if (hosts.length > 1 && hosts.includes('')) refuse('has an empty host in its list');
  const at = (host: string, i: number): ClientConfig => {
    const port = ports[ports.length === 1 ? 0 : i]!;
    const where = url === undefined ? { host, port: Number(port || 5432) } : { connectionString: url.for(host, port) };
    return Object.assign({}, config, where);
  };
  const configs = hosts.length < 2 ? [config] : hosts.map(at);
  for (const one of configs) checkReadable(one, refuse);
  return configs;
}

function given(names: readonly string[] | undefined): readonly string[] | undefined {
  return names?.some((name) => name !== '') === true ? names : undefined;
}

function checkSessionAttrs(attrs: string, refuse: (problem: string) => never): void {
  if (READING.has(attrs)) {
    refuse(`has target_session_attrs=${attrs}, but jobs need a server that takes writes: use read-write`);
  }
  if (!WRITABLE.has(attrs)) refuse(`has an unknown target_session_attrs: '${attrs}'; use read-write`);
}

function checkPort(port: string, refuse: (problem: string) => never): void {
  if (port !== '' && !(/^\d+$/.test(port) && Number(port) >= 1 && Number(port) <= 65_535)) {
    refuse(`has a port that is not one from 1 to 65535 ${ENCODED}`);
  }
}

/** What is wrong is said at startup, and without the string itself: it has the password. */
function checkReadable({ connectionString }: ClientConfig, refuse: (problem: string) => never): void {
  if (connectionString === undefined) return;
  try {
    // only reads it: nothing connects before connect()
    void new pg.Client({ connectionString });
  } catch (error) {
    refuse(`cannot be read: ${(error as Error).message} ${ENCODED}`);
  }
}
