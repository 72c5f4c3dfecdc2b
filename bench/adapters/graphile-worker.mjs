import { Logger, makeWorkerUtils, run as runWorker } from 'graphile-worker';
import pg from 'pg';
import { connect } from '../lib/postgres.mjs';

/** Its own performance test's preset. */
const BATCHED = {
  concurrentJobs: 24,
  maxPoolSize: 25,
  localQueue: { size: 500, refetchDelay: { durationMs: 10 } },
  completeJobBatchDelay: 0,
  failJobBatchDelay: 0,
};
const WORKER = { default: {}, tuned: BATCHED };
/** It would write a line for each job. */
const logger = new Logger(() => () => undefined);

function startRunner({ url, worker, taskList }) {
  return runWorker({
    preset: { worker: { ...worker, connectionString: url, logger } },
    noHandleSignals: true,
    parsedCronItems: [],
    taskList,
  });
}

export default {
  title: 'graphile-worker',
  server: 'postgres',
  profiles: {
    default: '`run()` without options (1 job at once), its logging of each job switched off',
    tuned:
      'batched, as in its own performance test: `concurrentJobs: 24`, `localQueue: { size: 500, refetchDelay: 10 ms }`, `completeJobBatchDelay: 0`',
  },
  sameProducer: true,

  async prepare({ url }) {
    const utils = await makeWorkerUtils({ connectionString: url, logger });
    await utils.migrate();
    await utils.release();
  },

  async producer({ url }) {
    // room for 16 callers; makeWorkerUtils() by itself has a pool of 10
    const pgPool = new pg.Pool({ connectionString: url, max: 20 });
    pgPool.on('error', () => undefined);
    pgPool.on('connect', (client) => client.on('error', () => undefined));
    const utils = await makeWorkerUtils({ pgPool, logger });
    return {
      add: (data) => utils.addJob('noop', data),
      addBulk: (datas, { delay } = {}) => {
        const runAt = delay ? new Date(Date.now() + delay) : undefined;
        return utils.addJobs(datas.map((data) => ({ identifier: 'noop', payload: data, runAt })));
      },
      close: async () => {
        await utils.release();
        await pgPool.end();
      },
    };
  },

  async worker({ url, profile, run, concurrency }) {
    const worker = { ...WORKER[profile], ...(concurrency && { concurrentJobs: concurrency }) };
    let runner;
    return {
      start: async () => {
        runner = await startRunner({ url, worker, taskList: { noop: (data) => run(data) } });
      },
      close: () => runner?.stop(),
    };
  },

  async observer({ url }) {
    const client = await connect(url);
    const stored = async () =>
      (await client.query(`select count(*)::int as n from graphile_worker._private_jobs where run_at <= now()`)).rows[0]
        .n;
    return { stored, isDone: async () => (await stored()) === 0, close: () => client.end() };
  },

  /** A queue is a task: one runner runs them all. */
  async application({ url, queues, run }) {
    const taskList = Object.fromEntries(queues.map((queue) => [queue, (data) => run(data)]));
    const runner = await startRunner({ url, worker: {}, taskList });
    return { add: (queue, data) => runner.addJob(queue, data), close: () => runner.stop() };
  },
};
