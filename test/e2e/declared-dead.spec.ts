import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { expect, it } from 'vitest';
import { type ActiveJob, LeaseLostError, OnWorkerEvent, Process, Processor } from '../../lib/index.js';
import { RecordingLogger } from '../support/application.js';
import { testDatabase } from '../support/database.js';
import { ended, newQueue, processor, testApplications } from '../support/running.js';
import { aWhile, deferred, until } from '../support/signals.js';

const database = testDatabase();
const start = testApplications(database);

/** As an observer that has seen a process stand still. */
async function declareDead(): Promise<void> {
  await database.client.query(
    `select ${database.schema}.bury_worker(worker, 9e18::bigint, true) from ${database.schema}.worker`,
  );
}

it('a process that finds itself declared dead aborts its handlers, goes on under a new id, and their jobs run again', async () => {
  const name = newQueue();
  const logger = new RecordingLogger();
  const began = deferred();
  const aborted = deferred<unknown>();
  const runs: string[] = [];
  const handle = async (job: ActiveJob): Promise<string> => {
    runs.push(String(job.data));
    if (job.data !== 'long' || runs.filter((data) => data === 'long').length > 1) return 'done';
    const { signal } = job;
    began.resolve();
    await new Promise((resolve) => {
      signal.addEventListener('abort', resolve);
    });
    aborted.resolve(signal.reason);
    return 'too late';
  };
  const { queue } = await start({ providers: [processor(name, handle)], options: { logger } });
  const job = await queue(name).add('n', 'long');
  await began.promise;
  await declareDead();
  expect(await aborted.promise).toBeInstanceOf(LeaseLostError);
  const done = await ended(queue(name), job, 30_000);
  expect([done.returnvalue, done.attemptsMade, runs]).toEqual(['done', 0, ['long', 'long']]);
  await ended(queue(name), await queue(name).add('n', 'later'));
  expect(logger.texts('warn').filter((text) => text.includes('was declared dead'))).toHaveLength(1);
}, 40_000);

it('what is recovered is told to the queue’s processors, and a job that is not to be recovered is dead as stalled', async () => {
  const name = newQueue();
  const stalled: string[] = [];
  const began = deferred();

  @Injectable()
  @Processor(name, { maxStalledCount: 0 })
  class Recovered {
    @Process()
    async handle({ signal }: ActiveJob): Promise<void> {
      began.resolve();
      await new Promise((resolve) => {
        signal.addEventListener('abort', resolve);
      });
    }

    @OnWorkerEvent('stalled')
    onStalled(id: string): void {
      stalled.push(id);
    }
  }
  const { queue } = await start({ providers: [Recovered] });
  const job = await queue(name).add('n', null);
  await began.promise;
  await declareDead();
  const dead = await ended(queue(name), job, 30_000);
  expect([await dead.getState(), dead.failedReason]).toEqual(['failed', expect.stringContaining('stalled')]);
  await until('it to be told', () => stalled.length > 0);
  expect(stalled).toEqual([job.id]);
}, 40_000);

it('a lost run has its turn beside a backlog of short jobs, for which a process has always more at hand than places', async () => {
  const name = newQueue();
  const { schema: s, client } = database;
  const { queue, app } = await start({ options: { processing: false } });
  const lost = await queue(name).add('n', 'lost');
  const worker = randomUUID();
  const { rows } = await client.query(`select queue_id from ${s}.queue where name = $1`, [name]);
  await client.query(`select ${s}.register_worker($1, 'host', 1, '{}', true)`, [worker]);
  await client.query(`select ${s}.claim($1, $2, 1, 10, 1000000, null, null, false)`, [rows[0].queue_id, worker]);
  await queue(name).addBulk(Array.from({ length: 50_000 }, () => ({ name: 'n', data: 'short' })));
  await app.close();
  let ran = 0;
  let ranBefore: number | undefined;
  const handle = async ({ data }: ActiveJob): Promise<void> => {
    if (data === 'lost') ranBefore = ran;
    else ran++;
    await aWhile(2);
  };
  const working = await start({ providers: [processor(name, handle, { concurrency: 4 })] });
  await until('it to be busy', () => ran > 1_000);
  await client.query(`update ${s}.worker set dead = true where worker = $1`, [worker]);
  await ended(working.queue(name), lost, 30_000);
  expect(ranBefore).toBeLessThan(49_000);
  await working.queue(name).drain();
}, 60_000);

it('a job whose result was lost with a failover runs again, though its process lives and thinks it done', async () => {
  const name = newQueue();
  const logger = new RecordingLogger();
  const ran: unknown[] = [];
  const slow = deferred();
  const handle = async ({ data }: ActiveJob): Promise<void> => {
    ran.push(data);
    if (data === 'slow') await slow.promise;
  };
  const { queue } = await start({ providers: [processor(name, handle)], options: { logger } });
  const running = await queue(name).add('n', 'slow');
  const job = await queue(name).add('n', 'lost');
  await ended(queue(name), job);
  // what a standby that was promoted had of it: the lease, and not the result
  for (const segment of [0, 1, 2]) {
    await database.client.query(`delete from ${database.schema}.result_${segment} where job_id = $1`, [job.id]);
  }
  await database.client.query(`select pg_terminate_backend(pid) from pg_stat_activity
    where pid <> pg_backend_pid() and query like 'select pg_advisory_lock_shared(%${database.schema}%'`);
  await until('it to run again', () => ran.filter((data) => data === 'lost').length === 2, 30_000);
  expect((await ended(queue(name), job)).attemptsMade).toBe(0);
  expect(logger.texts('warn').join()).toContain(`run again: ${job.id}`);
  // what it knows of is left alone
  slow.resolve();
  await ended(queue(name), running);
  expect(ran.filter((data) => data === 'slow')).toHaveLength(1);
}, 45_000);
