import { PgBoss } from 'pg-boss';
import { connect } from '../lib/postgres.mjs';

const QUEUE = 'bench';
const PROFILES = {
  default: { boss: {}, queue: {}, work: {} },
  tuned: {
    boss: { max: 20, useListenNotify: true },
    queue: { notify: true, partition: true },
    work: { localConcurrency: 2, batchSize: 500, burstWhenBatchFull: true, perJobResults: true },
  },
};

async function start(url, options) {
  const boss = new PgBoss({ connectionString: url, ...options });
  boss.on('error', (error) => console.error(`pg-boss: ${error.message}`));
  await boss.start();
  return boss;
}

function handler(run, { perJobResults }) {
  return async (jobs) => {
    await Promise.all(jobs.map(({ data }) => run(data)));
    return perJobResults ? jobs.map(({ id }) => ({ id, status: 'completed' })) : undefined;
  };
}

export default {
  title: 'pg-boss',
  server: 'postgres',
  profiles: {
    default: '`createQueue()` and `work()` without options (1 job each 2 s)',
    tuned:
      '`createQueue({ notify: true, partition: true })`, `useListenNotify`, `work({ localConcurrency: 2, batchSize: 500, burstWhenBatchFull: true, perJobResults: true })`, a pool of 20',
  },
  sameProducer: false,

  async prepare({ url, profile }) {
    const boss = await start(url, { supervise: false, schedule: false });
    await boss.createQueue(QUEUE, PROFILES[profile].queue);
    await boss.stop({ graceful: false });
  },

  async producer({ url, profile }) {
    // what only adds need not look after the queues
    const boss = await start(url, {
      ...PROFILES[profile].boss,
      supervise: false,
      schedule: false,
      useListenNotify: false,
    });
    return {
      add: (data) => boss.send(QUEUE, data),
      addBulk: (datas, { delay } = {}) => {
        const startAfter = delay ? new Date(Date.now() + delay).toISOString() : undefined;
        return boss.insert(
          QUEUE,
          datas.map((data) => ({ data, ...(startAfter && { startAfter }) })),
        );
      },
      close: () => boss.stop({ graceful: false }),
    };
  },

  async worker({ url, profile, run, concurrency }) {
    const { boss: options, work } = PROFILES[profile];
    const boss = await start(url, options);
    const how = { ...work, ...(concurrency && { localConcurrency: concurrency }) };
    return {
      start: () => boss.work(QUEUE, how, handler(run, how)),
      close: () => boss.stop({ graceful: true, timeout: 5_000 }),
    };
  },

  async observer({ url }) {
    const client = await connect(url);
    const stored = async () => {
      const sql = `select count(*)::int as n from pgboss.job where name = $1 and state < 'completed' and start_after <= now()`;
      return (await client.query(sql, [QUEUE])).rows[0].n;
    };
    return { stored, isDone: async () => (await stored()) === 0, close: () => client.end() };
  },

  async application({ url, queues, run }) {
    const boss = await start(url, {});
    for (const queue of queues) {
      await boss.createQueue(queue);
      await boss.work(queue, handler(run, {}));
    }
    return { add: (queue, data) => boss.send(queue, data), close: () => boss.stop({ graceful: false }) };
  },
};
