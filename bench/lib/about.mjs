import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import path from 'node:path';

const ROOT = path.resolve(import.meta.dirname, '../..');
const PEERS = ['bullmq', 'graphile-worker', 'pg-boss', 'pg', 'ioredis'];

export function machine() {
  return `${cpus().length} × ${cpus()[0].model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB`;
}

/** What is measured, in which versions: results of another are not mixed with it. */
export function subject({ postgres, redis, quick }) {
  return {
    commit: commit(),
    sources: hashOf('dist', 'bench/adapters', 'bench/lib', 'bench/roles', 'bench/workloads'),
    size: quick ? 'quick' : 'full',
    machine: machine(),
    node: process.version,
    postgres,
    redis,
    packages: Object.fromEntries(PEERS.map((name) => [name, installed(name)])),
  };
}

export function redisServer() {
  try {
    return /v=(\S+)/.exec(execFileSync('redis-server', ['--version'], { encoding: 'utf8' }))[1];
  } catch {
    return undefined;
  }
}

function commit() {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty', '--exclude=*'], {
      cwd: ROOT,
      encoding: 'utf8',
    }).trim();
  } catch {
    return 'not in git';
  }
}

/** A commit with changes is not one version: this tells them apart. */
function hashOf(...folders) {
  const hash = createHash('sha256');
  for (const folder of folders.map((name) => path.join(ROOT, name))) {
    for (const name of readdirSync(folder, { recursive: true }).toSorted((a, b) => a.localeCompare(b))) {
      const file = path.join(folder, name);
      if (statSync(file).isFile()) hash.update(name).update(readFileSync(file));
    }
  }
  return hash.digest('hex').slice(0, 12);
}

function installed(name) {
  const file = path.join(import.meta.dirname, '../node_modules', name, 'package.json');
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).version : undefined;
}
