import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export const root = path.resolve(import.meta.dirname, '../..');

/** What npm prints; when it fails, the error says what it said. */
export async function npm(args, cwd) {
  const { stdout } = await run('npm', args, { cwd, shell: process.platform === 'win32' });
  return stdout;
}
