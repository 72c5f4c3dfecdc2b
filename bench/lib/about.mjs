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
    build: buildHash(),
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

/** Of `dist`: two builds of one commit with changes differ. */
function buildHash() {
  const dist = path.join(ROOT, 'dist');
  const hash = createHash('sha256');
  for (const name of readdirSync(dist, { recursive: true }).toSorted((a, b) => a.localeCompare(b))) {
    const file = path.join(dist, name);
    if (statSync(file).isFile()) hash.update(name).update(readFileSync(file));
  }
  return hash.digest('hex').slice(0, 12);
}

function installed(name) {
  const file = path.join(import.meta.dirname, '../node_modules', name, 'package.json');
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).version : undefined;
}
