/** BullMQ's classes are the same on both servers: here is what the two adapters share. */
export function bullmq({ Queue, Worker, connection, prepare, profiles, ...about }) {
  const openQueue = (url, profile = 'default', name = 'bench') =>
    heard(new Queue(name, { connection: connection(url), defaultJobOptions: profiles[profile].job }));
  const openWorker = (url, options, run, name = 'bench') =>
    heard(new Worker(name, (job) => run(job.data), { connection: connection(url), ...options }));

  return {
    ...about,
    profiles: Object.fromEntries(Object.entries(profiles).map(([name, { text }]) => [name, text])),
    sameProducer: true,
    prepare,

    async producer({ url, profile }) {
      const queue = openQueue(url, profile);
      await queue.waitUntilReady();
      return {
        add: (data) => queue.add('noop', data),
        addBulk: (datas, { delay } = {}) =>
          queue.addBulk(datas.map((data) => ({ name: 'noop', data, ...(delay && { opts: { delay } }) }))),
        close: () => queue.close(),
      };
    },

    async worker({ url, profile, run, concurrency }) {
      const options = { ...profiles[profile].worker, ...(concurrency && { concurrency }) };
      const worker = openWorker(url, { ...options, autorun: false }, async (data) => run(data));
      await worker.waitUntilReady();
      return {
        start: async () => {
          // settles when the worker is closed
          worker.run().catch((error) => console.error(`BullMQ: ${error.message}`));
        },
        close: () => worker.close(),
      };
    },

    async observer({ url }) {
      const queue = openQueue(url);
      const stored = async () => {
        const { waiting, active, prioritized } = await queue.getJobCounts('waiting', 'active', 'prioritized');
        return waiting + active + prioritized;
      };
      return { stored, isDone: async () => (await stored()) === 0, close: () => queue.close() };
    },

    async application({ url, queues, run }) {
      const opened = queues.map((name) => ({
        name,
        queue: openQueue(url, 'default', name),
        worker: openWorker(url, {}, async (data) => run(data), name),
      }));
      await Promise.all(opened.flatMap(({ queue, worker }) => [queue.waitUntilReady(), worker.waitUntilReady()]));
      const byName = new Map(opened.map(({ name, queue }) => [name, queue]));
      return {
        add: (name, data) => byName.get(name).add('noop', data),
        close: () => Promise.all(opened.flatMap(({ queue, worker }) => [worker.close(), queue.close()])),
      };
    },
  };
}

/** An error without a listener would end the process. */
function heard(emitter) {
  emitter.on('error', (error) => console.error(`BullMQ: ${error.message}`));
  return emitter;
}
