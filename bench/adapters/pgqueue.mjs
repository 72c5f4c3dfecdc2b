import { startNestApplication } from '../lib/application.mjs';
import { connect } from '../lib/postgres.mjs';

const WORKER = { default: {}, tuned: { concurrency: 100 } };
const jobsIn = (table) => `select job_id from pgqueue.${table} where queue_id > 0`;
const toJob = (data, opts) => ({ name: 'noop', data, opts });

export default {
  title: 'nestjs-pgqueue',
  server: 'postgres',
  profiles: {
    default: '`PgQueueModule.forRoot()` and `@Processor()` without options (10 jobs at once)',
    tuned: '`@Processor(queue, { concurrency: 100 })`',
  },
  sameProducer: true,

  async prepare({ url }) {
    // the first start of an application makes the schema
    await (await startNestApplication({ options: { connection: url } })).close();
  },

  async producer({ url }) {
    const app = await startNestApplication({ options: { connection: url } });
    const queue = app.queue();
    return {
      add: (data) => queue.add('noop', data),
      addBulk: (datas, { delay } = {}) =>
        queue.addBulk(datas.map((data) => toJob(data, delay ? { delay } : undefined))),
      close: app.close,
    };
  },

  async worker({ url, profile, run, concurrency }) {
    const worker = { ...WORKER[profile], ...(concurrency && { concurrency }) };
    return startNestApplication({ options: { connection: url }, worker, run });
  },

  async observer({ url }) {
    const client = await connect(url);
    const count = async (from) => (await client.query(`select count(*)::int as n from ${from}`)).rows[0].n;
    return {
      // entries of finished jobs go earlier than their results
      stored: () => count(`(${jobsIn('entry')} except ${jobsIn('result')}) e`),
      isDone: async (added) => (await count(`(${jobsIn('result')}) r`)) >= added,
      close: () => client.end(),
    };
  },

  async application({ url, queues, run }) {
    const app = await startNestApplication({ options: { connection: url }, queues, run });
    await app.start();
    return { add: (queue, data) => app.queue(queue).add('noop', data), close: app.close };
  },
};
