import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { npm, root } from './npm.mjs';

const run = promisify(execFile);

/** Where `engines` begins, since before that there is no require() of an ES module; and the newest of each line. */
const VERSIONS = ['20.19.0', '20.20.2', '22.12.0', '22.23.3', '24.21.0'];

/** The binaries, of npm's package `node`; kept in .build/nodes. */
export async function allNodes() {
  const binaries = [];
  for (const version of VERSIONS) {
    const home = path.join(root, '.build/nodes', version);
    const binary = path.join(home, 'node_modules/node/bin', process.platform === 'win32' ? 'node.exe' : 'node');
    if (!existsSync(binary)) {
      mkdirSync(home, { recursive: true });
      writeFileSync(path.join(home, 'package.json'), '{ "private": true }');
      await npm(['install', '--no-audit', '--no-fund', `node@${version}`], home);
    }
    // it is not, where npm may not run the package's install script
    const { stdout } = await run(binary, ['-p', 'process.versions.node']);
    if (stdout.trim() !== version) throw new Error(`${binary} is Node ${stdout.trim()}`);
    binaries.push(binary);
  }
  return binaries;
}
