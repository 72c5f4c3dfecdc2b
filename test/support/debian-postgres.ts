import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type LocalPostgres, startLocalPostgres } from '../../sample/local-postgres.js';

/** Debian's PostgreSQL, which brings pg_dump; the binaries that npm has do not. */
const DEBIAN = '/usr/lib/postgresql/15';

export const hasDebianPostgres =
  existsSync(path.join(DEBIAN, 'bin/initdb')) && existsSync(path.join(DEBIAN, 'bin/pg_dump'));

/** A cluster of it, new: its transaction ids begin at the beginning. */
export async function startDebianPostgres(): Promise<LocalPostgres> {
  const home = path.resolve('.build/debian-postgres');
  mkdirSync(home, { recursive: true });
  writeFileSync(path.join(home, 'package.json'), '{ "version": "15.0.0" }');
  if (!existsSync(path.join(home, 'native'))) symlinkSync(DEBIAN, path.join(home, 'native'));
  const before = process.env['POSTGRES_BINARIES'];
  process.env['POSTGRES_BINARIES'] = home;
  try {
    return await startLocalPostgres();
  } finally {
    if (before === undefined) delete process.env['POSTGRES_BINARIES'];
    else process.env['POSTGRES_BINARIES'] = before;
  }
}

/** Dumps one database and restores it into another, as an operator would. */
export function dumpAndRestore(from: string, to: string): void {
  const dump = execFileSync(path.join(DEBIAN, 'bin/pg_dump'), ['--dbname', from], { maxBuffer: 1 << 28 });
  execFileSync(path.join(DEBIAN, 'bin/psql'), ['--dbname', to, '--quiet', '--set', 'ON_ERROR_STOP=1'], {
    input: dump,
    stdio: ['pipe', 'ignore', 'pipe'],
  });
}
