// npm run test:drivers [-- vitest arguments]: the libraries whose transactions `tx` takes, each in its current version, on a
// real PostgreSQL. They are test/drivers' own, as is the Node that the newest of them ask for.
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '..');
const home = path.join(root, 'test/drivers');
const onWindows = process.platform === 'win32';
const node = path.join(home, 'node_modules/node/bin', onWindows ? 'node.exe' : 'node');
// Prisma's client is generated without an engine, which would be downloaded otherwise
process.env.PRISMA_SCHEMA_ENGINE_BINARY ??= process.execPath;
process.env.CHECKPOINT_DISABLE ??= '1';

const wanted = path.join(home, 'package-lock.json');
const installed = path.join(home, 'node_modules/.installed.json');
if (!existsSync(installed) || !readFileSync(installed).equals(readFileSync(wanted))) {
  // without what npm says of each of them, that the Node it runs on is too old for it
  const args = ['ci', '--no-audit', '--no-fund', '--loglevel=error'];
  execFileSync('npm', args, { cwd: home, stdio: 'inherit', shell: onWindows });
  copyFileSync(wanted, installed);
}
execFileSync(node, ['node_modules/prisma/build/index.js', 'generate', '--no-hints'], {
  cwd: home,
  stdio: ['ignore', 'ignore', 'inherit'],
});
const vitest = ['node_modules/vitest/vitest.mjs', 'run', '--config', 'vitest.drivers.config.mts'];
const { status } = spawnSync(node, [...vitest, ...process.argv.slice(2)], { cwd: root, stdio: 'inherit' });
process.exit(status ?? 1);
