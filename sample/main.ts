import 'reflect-metadata';
import type { INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';
import { type LocalPostgres, startLocalPostgres } from './local-postgres.js';

let local: LocalPostgres | undefined;
let app: INestApplication | undefined;
let stopping = false;

async function stop(exitCode = 0): Promise<void> {
  if (stopping) return;
  stopping = true;
  // handlers that run may finish; nothing new is begun
  await app?.close();
  await local?.stop();
  console.log('stopped');
  process.exit(exitCode);
}

// before anything is started: a signal may arrive while PostgreSQL or the application is still starting
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void stop());
// `npm start` runs this under a shell, which does not pass SIGTERM on: notice when that shell is gone
if (process.env['npm_lifecycle_event'] === 'start') {
  const parent = process.ppid;
  setInterval(() => process.ppid !== parent && void stop(), 500).unref();
}

try {
  if (!process.env['DATABASE_URL']) {
    local = await startLocalPostgres({ dataDir: '.data/postgres' });
    process.env['DATABASE_URL'] = local.url;
    console.log(`No DATABASE_URL: using PostgreSQL ${local.version} on port ${local.port}, in ${local.dataDir}`);
  }
  app = await NestFactory.create(AppModule, { forceCloseConnections: true, abortOnError: false });
  await app.listen(Number(process.env['PORT'] ?? 3000));

  const url = `http://localhost:${new URL(await app.getUrl()).port}`;
  const post = (path: string, body: object): string =>
    `curl -X POST ${url}/${path} -H 'content-type: application/json' -d '${JSON.stringify(body)}'`;
  console.log(`
The sample listens. Try, in another terminal:

jobs
  ${post('emails', { to: 'ada@example.com' })}
  ${post('emails', { to: 'bob@example.com', delay: '5s' })}
  ${post('emails', { to: 'eve@example.com', fail: true })}

and ${url}/emails/1 to look at the first;

events, which two groups read: billing and shipping
  ${post('orders', { customer: 'ada', item: 'book' })}
  ${post('orders', { customer: 'eve', item: 'piano' })}
  ${post('orders', { customer: 'eve', item: 'book' })}

  ${post('orders/replay', {})}   (what shipping gave up comes again)

and ${url}/orders/1 to look at the first, ${url}/orders/events to look on. Ctrl-C stops.
`);
} catch (error) {
  // a signal during start-up takes the database away from it: that is no failure
  if (!stopping) console.error(error);
  await stop(1);
}
