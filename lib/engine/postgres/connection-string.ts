/** The parts of a connection string that say where: lists, as libpq writes them for several hosts. */
export interface ConnectionString {
  readonly hosts: readonly string[];
  readonly ports: readonly string[];
  readonly sessionAttrs: string | undefined;
  /** The same string for one host, as `pg` can read it. */
  for(host: string, port: string): string;
}

const PARTS = /^([a-z][a-z\d+.-]*:\/\/)([^/?#]*)([^?#]*)(?:\?([^#]*))?(?:#.*)?$/i;
const ADDRESS = /^(\[[^\]]*\]|[^:]*)(?::(\d*))?$/;

/** A hint instead of what was read: that may be a part of the password. */
export const ENCODED = '(are the special characters of user and password percent-encoded?)';

/** Undefined for what `pg` reads by itself: a path of a socket. */
export function splitConnectionString(text: string, refuse: (problem: string) => never): ConnectionString | undefined {
  if (/^(\/|socket:)/i.test(text)) return undefined;
  const parts = PARTS.exec(text);
  // `pg` would take such a text for a path on a host named "base"
  if (parts === null) refuse('must be a URL: postgres://user:password@host:port/database');
  const [, scheme, authority, path, query = ''] = parts as unknown as [string, string, string, string, string?];
  const at = authority.lastIndexOf('@') + 1;
  const addresses = authority
    .slice(at)
    .split(',')
    .map((address) => ADDRESS.exec(address) ?? refuse(`has a host or port that cannot be read ${ENCODED}`));
  const params = new URLSearchParams(query);
  const [host, port] = [params.get('host'), params.get('port')];
  const rest = new URLSearchParams(query);
  rest.delete('host');
  rest.delete('port');
  return {
    hosts: list(host) ?? addresses.map(([, name]) => decodeURIComponent(name!.replace(/^\[(.*)\]$/, '$1'))),
    ports: list(port) ?? addresses.map(([, , number = '']) => number),
    sessionAttrs: params.get('target_session_attrs') ?? undefined,
    for: (name, number) =>
      `${scheme}${authority.slice(0, at)}${encodeHost(name)}${number && `:${number}`}${path}${rest.size > 0 ? `?${rest.toString()}` : ''}`,
  };
}

/** The parts of `h1,h2`; undefined when nothing is given. */
export function list(text: string | number | null | undefined): string[] | undefined {
  return text === null || text === undefined || text === '' ? undefined : String(text).split(',');
}

function encodeHost(host: string): string {
  return host.includes(':') ? `[${host}]` : encodeURIComponent(host);
}
