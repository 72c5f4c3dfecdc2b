import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import path from 'node:path';

const ROOT = path.resolve(import.meta.dirname, '../../..');
/** Before space was reclaimed: schema version 1. */
const COMMIT = 'de5a10e';

export const hasOldCode = spawnSync('git', ['cat-file', '-e', `${COMMIT}^{commit}`], { cwd: ROOT }).status === 0;

/** The code of then, with the child application of now; returns its root. */
export function oldCode(): string {
  const root = path.join(ROOT, '.build/faults/old');
  rmSync(root, { recursive: true, force: true });
  mkdirSync(root, { recursive: true });
  const archive = execFileSync(
    'git',
    ['archive', COMMIT, 'lib', 'package.json', 'tsconfig.json', 'test/tsconfig.json'],
    {
      cwd: ROOT,
      maxBuffer: 64 * 1024 * 1024,
    },
  );
  execFileSync('tar', ['-x', '-C', root], { input: archive });
  cpSync(path.join(ROOT, 'test/faults/support/children'), path.join(root, 'test/faults/support/children'), {
    recursive: true,
  });
  if (!existsSync(path.join(root, 'node_modules'))) {
    symlinkSync(path.join(ROOT, 'node_modules'), path.join(root, 'node_modules'));
  }
  return root;
}
