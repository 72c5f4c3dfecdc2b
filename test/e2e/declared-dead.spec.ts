import { Injectable } from '@nestjs/common';
import { expect, it } from 'vitest';
import { type ActiveJob, LeaseLostError, OnWorkerEvent, Process, Processor } from '../../lib/index.js';
import { RecordingLogger } from '../support/application.js';
import { testDatabase } from '../support/database.js';
import { ended, newQueue, processor, testApplications } from '../support/running.js';
import { deferred, until } from '../support/signals.js';

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
