import pg from 'pg';
import { NestFactory } from '@nestjs/core';
import { Module } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ActiveJob, PgQueueModule, QueueService } from '../../lib/index.js';
import type { LocalPostgres } from '../../sample/local-postgres.js';
import { dumpAndRestore, hasDebianPostgres, startDebianPostgres } from '../support/debian-postgres.js';
import { processor } from '../support/running.js';
import { deferred, until } from '../support/signals.js';

type Handle = (job: ActiveJob) => unknown;

async function application(url: string, queue: string, handle?: Handle) {
  @Module({
    imports: [
      PgQueueModule.forRoot({ connection: url, logger: false, migrations: 'apply', processing: handle !== undefined }),
    ],
    providers: handle === undefined ? [] : [processor(queue, handle, { concurrency: 1 })],
  })
  class RestoredModule {}
  const app = await NestFactory.createApplicationContext(RestoredModule, { logger: false, abortOnError: false });
  return { app, queue: app.get(QueueService).queue(queue) };
}

describe.skipIf(!hasDebianPostgres)(
  'a database that is restored in another cluster (needs Debian’s PostgreSQL 15)',
  () => {
    let source: LocalPostgres;
    let target: LocalPostgres;

    beforeAll(async () => {
      source = await startDebianPostgres();
      target = await startDebianPostgres();
    });

    afterAll(async () => {
      await Promise.all([source.stop(), target.stop()]);
    });

    it('has every job run, in order, those too that were added before a process started', async () => {
      const client = new pg.Client(source.url);
      await client.connect();
      const before = await application(source.url, 'q');
      await client.query('do $$ begin for i in 1 .. 3000 loop perform pg_current_xact_id(); commit; end loop; end $$');
      // what has ended, what is leased to a process that is gone, what was drained, what waits and what is delayed
      const worker = await application(source.url, 'q', () => 'done');
      const done = await before.queue.addBulk(range(0, 20).map((i) => ({ name: 'n', data: `done ${i}` })));
      await until('all to have run', async () => (await done.at(-1)!.getState()) === 'completed');
      await worker.app.close();
      const held = deferred();
      const holder = await application(source.url, 'held', async () => held.promise);
      await before.app.get(QueueService).add('held', 'n', 'held');
      const listens = `select from pgqueue.process_stats where wake_up = 'listen' and in_flight = 1`;
      await until('one to be held', async () => (await client.query(listens)).rowCount === 1);
      const drained = await before.queue.add('n', 'drained', { uniqueKey: 'drained' });
      expect(await before.queue.drain()).toBe(1);
      await before.queue.addBulk(
        range(0, 300).map((i) => ({ name: 'n', data: i, opts: { priority: i < 150 ? 1 : 0 } })),
      );
      for (const i of range(300, 320)) await before.queue.add('n', i);
      await before.queue.add('n', 'delayed', { delay: 1_500, uniqueKey: 'k' });
      dumpAndRestore(source.url, target.url);
      held.resolve();
      await Promise.all([holder, before].map(async ({ app }) => app.close()));
      await client.end();

      const producer = await application(target.url, 'q');
      for (const i of range(320, 330)) await producer.queue.add('n', i);
      expect((await producer.queue.add('n', 'again', { uniqueKey: 'k' })).deduplicated).toBe(true);
      const ran: unknown[] = [];
      const after = await application(target.url, 'q', ({ data }) => void ran.push(data));
      const rescuer = await application(target.url, 'held', ({ data }) => void ran.push(data));
      await until('all to have run', () => ran.length >= 332, 60_000);
      expect(ran.filter((data) => typeof data === 'number')).toEqual([...range(150, 330), ...range(0, 150)]);
      expect(ran.filter((data) => typeof data === 'string').toSorted()).toEqual(['delayed', 'held']);
      const open = { waiting: 0, delayed: 0, active: 0, failed: 0 };
      expect(await producer.queue.getJobCounts()).toMatchObject(open);
      expect(await producer.queue.getJob(drained.id)).toBeUndefined();
      const fresh = await producer.queue.add('n', 'fresh');
      expect(Number(fresh.id)).toBeGreaterThan(Number(drained.id) + 330);
      await until('a job that is added later to run', () => ran.includes('fresh'));
      await Promise.all([after, rescuer, producer].map(async ({ app }) => app.close()));
    }, 120_000);
  },
);

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}
