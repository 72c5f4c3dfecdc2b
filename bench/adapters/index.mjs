/**
 * The systems that are measured side by side. An adapter is an object with
 *
 * - `title`, `server` ('postgres' or 'redis'), and for Redis `appendfsync`;
 * - `profiles`: in words, what its `default` and `tuned` settings are;
 * - `sameProducer`: whether both profiles add jobs alike, so that adding is measured once;
 * - `cannot`: by workload, why it cannot do it; `moot`: by workload, why it is not measured again;
 * - `prepare({ url, profile })`: makes tables and queues in an empty database;
 * - `producer({ url, profile })`: `add(data)`, `addBulk(datas, { delay })`, `close()`;
 * - `worker({ url, profile, run, concurrency })`: connects, takes jobs from `start()` on, and finishes them by `close()`.
 *   `run(data)` is the handler. `concurrency` overrides the profile's;
 * - `observer({ url })`: `stored()`, how many jobs wait, counted in the storage; `isDone(added)`, whether the storage
 *   says that so many are finished; `close()`;
 * - `application({ url, queues, run })`: one process with a producer and a worker for each queue, at the default
 *   settings: `add(queue, data)`, `close()`.
 */
const ADAPTERS = {
  pgqueue: async () => (await import('./pgqueue.mjs')).default,
  'graphile-worker': async () => (await import('./graphile-worker.mjs')).default,
  'pg-boss': async () => (await import('./pg-boss.mjs')).default,
  'bullmq-postgres': async () => (await import('./bullmq-postgres.mjs')).default,
  'bullmq-redis-everysec': async () => (await import('./bullmq-redis.mjs')).everysec,
  'bullmq-redis-always': async () => (await import('./bullmq-redis.mjs')).always,
};

export const SYSTEMS = Object.keys(ADAPTERS);

/** Each process loads only the system that it plays. */
export async function loadAdapter(system) {
  return ADAPTERS[system]();
}
