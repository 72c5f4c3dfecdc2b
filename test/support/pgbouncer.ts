import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** Whether the machine has it; scripts/install-test-servers.sh brings it. */
export const hasPgBouncer = spawnSync('pgbouncer', ['--version']).status === 0;

export interface PgBouncer {
  /** The database's address, through it. */
  readonly url: string;
  /** From now on its clients' statements go to another server, without their noticing. */
  retarget(databaseUrl: string): void;
  stop(): Promise<void>;
}

export interface PgBouncerOptions {
  readonly poolMode: 'session' | 'transaction' | 'statement';
  /** Connections to the server. */
  readonly poolSize?: number;
}

/** Starts a PgBouncer before a database; it logs in there with the password of `databaseUrl`. */
export async function startPgBouncer(
  databaseUrl: string,
  { poolMode, poolSize = 3 }: PgBouncerOptions,
): Promise<PgBouncer> {
  const { pathname, username, password } = new URL(databaseUrl);
  const home = mkdtempSync(path.join(tmpdir(), 'pgbouncer-'));
  const own = await freePort();
  const settings = {
    listen_addr: '127.0.0.1',
    listen_port: own,
    unix_socket_dir: '',
    auth_type: 'scram-sha-256',
    auth_file: path.join(home, 'users.txt'),
    pool_mode: poolMode,
    default_pool_size: poolSize,
    max_client_conn: 200,
  };
  write('users.txt', `"${username}" "${password}"\n`);
  const configure = (target: string): void => {
    const { hostname, port } = new URL(target);
    const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}`);
    write(
      'pgbouncer.ini',
      [`[databases]`, `* = host=${hostname} port=${port}`, `[pgbouncer]`, ...lines, ''].join('\n'),
    );
  };
  configure(databaseUrl);
  const as = account();
  chmodSync(home, 0o755);
  const bouncer = spawn('pgbouncer', [path.join(home, 'pgbouncer.ini')], {
    ...as,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = new Promise<void>((resolve) => {
    bouncer.once('exit', () => resolve());
  });
  let said = '';
  await new Promise<void>((resolve, reject) => {
    bouncer.stderr.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-4000);
      if (said.includes('process up')) resolve();
    });
    bouncer.once('error', reject);
    bouncer.once('exit', (code) => reject(new Error(`PgBouncer did not start (${code}):\n${said}`)));
  });
  return {
    url: `postgres://${username}:${password}@127.0.0.1:${own}${pathname}`,
    retarget(target) {
      configure(target);
      bouncer.kill('SIGHUP');
    },
    async stop() {
      bouncer.kill('SIGTERM');
      await ended;
      rmSync(home, { recursive: true, force: true });
    },
  };

  function write(name: string, text: string): void {
    const file = path.join(home, name);
    writeFileSync(file, text, { mode: 0o600 });
    const user = account();
    if (user !== undefined) chownSync(file, user.uid, user.gid);
  }
}

/** It refuses to run as root: it borrows the account that its package made. */
function account(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const [uid, gid] = ['-u', '-g'].map((of) => Number(spawnSync('id', [of, 'postgres']).stdout.toString()));
  return { uid: uid!, gid: gid! };
}

async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = net.createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as net.AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
