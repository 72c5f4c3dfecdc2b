import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ActiveJob, type Job, LeaseLostError, OnWorkerEvent, Process, Processor } from '../../lib/index.js';
import { testDatabase } from '../support/database.js';
import { ended, inState, newQueue, processor, testApplications } from '../support/running.js';
import { deferred, until } from '../support/signals.js';

const database = testDatabase();
const start = testApplications(database);
const effects = `effects_${process.pid}`;
let pool: pg.Pool;

beforeAll(async () => {
  pool = new pg.Pool({ connectionString: database.url });
  await pool.query(`create table ${effects} (job_id text, attempt int)`);
});
afterAll(async () => {
  await pool.query(`drop table ${effects}`);
  await pool.end();
});

/** Runs work in a transaction, as an application would. */
async function transaction<T>(work: (tx: pg.PoolClient) => Promise<T>): Promise<T> {
  const tx = await pool.connect();
  try {
    await tx.query('begin');
    const result = await work(tx);
    await tx.query('commit');
    return result;
  } catch (error) {
    await tx.query('rollback');
    throw error;
  } finally {
    tx.release();
  }
}

async function write(tx: pg.PoolClient, job: ActiveJob): Promise<void> {
  await tx.query(`insert into ${effects} values ($1, $2)`, [job.id, job.attemptsStarted]);
}

async function effectsOf({ id }: { id: string }): Promise<number[]> {
  const { rows } = await pool.query(`select attempt from ${effects} where job_id = $1 order by 1`, [id]);
  return rows.map(({ attempt }) => attempt as number);
}

it('effects and completion commit together, with the result', async () => {
  const name = newQueue();
  const completed: unknown[] = [];
  const [began, gate] = [deferred(), deferred()];
  @Processor(name)
  class Exact {
    @Process()
    async run(job: ActiveJob): Promise<string> {
      await transaction(async (tx) => {
        await write(tx, job);
        await job.completeIn(tx, { written: true });
        began.resolve();
        await gate.promise;
      });
      return 'what is returned does not count';
    }

    @OnWorkerEvent('completed')
    completed(job: Job): void {
      completed.push(job.id);
    }
  }
  const queue = (await start({ providers: [Exact] })).queue(name);
  const job = await queue.add('job', null);
  await began.promise;
  expect(await job.getState()).toBe('active');
  expect(await effectsOf(job)).toEqual([]);
  gate.resolve();
  const done = await ended(queue, job);
  expect([done.returnvalue, done.attemptsStarted, done.attemptsMade]).toEqual([{ written: true }, 1, 0]);
  expect(await effectsOf(job)).toEqual([1]);
  await until('completed to be heard', () => completed.length === 1);
});

it('rolled back: the attempt fails, although the handler returns, and runs again', async () => {
  const name = newQueue();
  const handler = processor(name, async (job) => {
    await transaction(async (tx) => {
      await write(tx, job);
      await job.completeIn(tx, job.attemptsStarted);
      if (job.attemptsStarted === 1) throw new Error('rolled back');
    }).catch(() => undefined);
    return 'fine';
  });
  const queue = (await start({ providers: [handler] })).queue(name);
  const job = await ended(queue, await queue.add('job', null, { backoff: 1 }));
  expect([job.returnvalue, job.attemptsMade]).toEqual([2, 1]);
  expect(job.stacktrace[0]).toContain('rolled back');
  expect(await effectsOf(job)).toEqual([2]);
});

it('rolled back by an error that the handler lets through: that is the attempt’s error', async () => {
  const name = newQueue();
  const handler = processor(name, (job) =>
    transaction(async (tx) => {
      await write(tx, job);
      await job.completeIn(tx);
      throw new Error('after completeIn');
    }),
  );
  const queue = (await start({ providers: [handler] })).queue(name);
  const job = await ended(queue, await queue.add('job', null, { attempts: 2, backoff: 1 }));
  expect([await job.getState(), job.failedReason, job.attemptsMade]).toEqual(['failed', 'after completeIn', 2]);
  expect(await effectsOf(job)).toEqual([]);
});

it('committed, and the handler throws afterwards: the job has completed and is not run again', async () => {
  const name = newQueue();
  let runs = 0;
  const handler = processor(name, async (job) => {
    runs++;
    await transaction(async (tx) => {
      await write(tx, job);
      await job.completeIn(tx, 'done');
    });
    throw new Error('too late');
  });
  const queue = (await start({ providers: [handler] })).queue(name);
  const job = await ended(queue, await queue.add('job', null, { backoff: 1 }));
  await ended(queue, await queue.add('job', null, { backoff: 1, delay: 50 }));
  expect(runs).toBe(2);
  expect([await job.getState(), job.returnvalue]).toEqual(['completed', 'done']);
  expect(await effectsOf(job)).toEqual([1]);
});

it('called twice in its transaction counts once', async () => {
  const name = newQueue();
  const handler = processor(name, (job) =>
    transaction(async (tx) => {
      await job.completeIn(tx, 'first');
      await job.completeIn(tx, 'second');
    }),
  );
  const queue = (await start({ providers: [handler] })).queue(name);
  expect((await ended(queue, await queue.add('job', null))).returnvalue).toBe('first');
});

it.each(['timed out', 'was taken by another process'])('of a run that %s is a LeaseLostError', async (why) => {
  const name = newQueue();
  const [began, gate, thrown] = [deferred(), deferred(), deferred<unknown>()];
  const handler = processor(name, async (job) => {
    if (job.attemptsStarted > 1) return 'second';
    began.resolve();
    await gate.promise;
    await transaction(async (tx) => {
      await write(tx, job);
      await job.completeIn(tx, 'first');
    }).catch((error: unknown) => thrown.resolve(error));
    return 'late';
  });
  const queue = (await start({ providers: [handler] })).queue(name);
  const job = await queue.add('job', null, { backoff: 1, ...(why === 'timed out' && { timeout: 50 }) });
  await began.promise;
  if (why === 'timed out') {
    await inState(queue, job, 'completed');
  } else {
    // as recovery does it: the run ends as lost
    await database.client.query(
      `insert into ${database.schema}.result_0 (queue_id, job_id, run, state)
       select queue_id, $2, 1, 'l' from ${database.schema}.queue where name = $1`,
      [name, job.id],
    );
  }
  gate.resolve();
  expect(await thrown.promise).toBeInstanceOf(LeaseLostError);
  expect(await effectsOf(job)).toEqual([]);
  const now = await queue.getJob(job.id);
  expect(now?.returnvalue ?? null).toBe(why === 'timed out' ? 'second' : null);
});

it.each([
  ['a pool', () => pool],
  ['a client on which no transaction is open', async () => database.connect()],
])('with %s is refused, and the job completes as it returns', async (_what, make) => {
  const name = newQueue();
  const refusals: unknown[] = [];
  const handler = processor(name, async (job) => {
    const tx = await make();
    await job.completeIn(tx as never, 'x').catch((error: { code: string }) => refusals.push(error.code));
    return 'returned';
  });
  const queue = (await start({ providers: [handler] })).queue(name);
  expect((await ended(queue, await queue.add('job', null))).returnvalue).toBe('returned');
  expect(refusals).toEqual(['PGQUEUE_INVALID_TRANSACTION']);
});
