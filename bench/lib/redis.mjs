import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Redis } from 'ioredis';
import { sleep } from './measure.mjs';

/** A Redis for one cell: a new server of our own, or the one of REDIS_URL, which must be empty and is emptied again. */
export async function startRedis(appendfsync) {
  return process.env.REDIS_URL ? useRedis(process.env.REDIS_URL, appendfsync) : startOwnRedis(appendfsync);
}

async function startOwnRedis(appendfsync) {
  const dir = mkdtempSync(path.join(tmpdir(), 'bench-redis-'));
  const port = 20_000 + Math.floor(Math.random() * 20_000);
  const settings = {
    port,
    bind: '127.0.0.1',
    dir,
    save: '',
    appendonly: 'yes',
    appendfsync,
    // its growth is measured
    'auto-aof-rewrite-percentage': 0,
    'maxmemory-policy': 'noeviction',
  };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const server = spawn('redis-server', args, { stdio: 'ignore' });
  const clear = () => {
    server.kill('SIGKILL');
    rmSync(dir, { recursive: true, force: true });
  };
  process.once('exit', clear);
  const ended = new Promise((resolve) => {
    server.once('exit', resolve);
    server.once('error', resolve);
  });
  const url = `redis://127.0.0.1:${port}`;
  const client = await connectRedis(url);
  return {
    url,
    client,
    pid: server.pid,
    async stop() {
      client.disconnect();
      server.kill('SIGKILL');
      await ended;
      process.off('exit', clear);
      clear();
    },
  };
}

async function useRedis(url, appendfsync) {
  const client = await connectRedis(url);
  if ((await client.dbsize()) > 0) throw new Error('the database of REDIS_URL is not empty');
  await client.config('SET', 'appendonly', 'yes');
  await client.config('SET', 'appendfsync', appendfsync);
  await client.config('SET', 'auto-aof-rewrite-percentage', 0);
  return {
    url,
    client,
    pid: undefined,
    async stop() {
      await client.flushdb();
      client.disconnect();
    },
  };
}

async function connectRedis(url) {
  const client = new Redis(url, { lazyConnect: true, retryStrategy: () => null, maxRetriesPerRequest: null });
  client.on('error', () => undefined);
  for (let tries = 0; ; tries++) {
    try {
      await client.connect();
      return client;
    } catch (error) {
      if (tries >= 50) throw new Error(`no Redis at ${url}`, { cause: error });
      await sleep(100);
    }
  }
}

/** A number from INFO. */
export async function redisInfo(client, section, name) {
  const text = await client.info(section);
  return Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(text)?.[1] ?? NaN);
}

export async function redisVersion(client) {
  return /^redis_version:(\S+)/m.exec(await client.info('server'))[1];
}
