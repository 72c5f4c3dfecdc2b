import { Queue, Worker } from 'bullmq';
import { bullmq } from './bullmq.mjs';

/** `appendfsync`: `everysec` is what its documentation asks for, `always` is as durable as a commit. */
const onRedis = (appendfsync) =>
  bullmq({
    Queue,
    Worker,
    title: `BullMQ on Redis, ${appendfsync}`,
    server: 'redis',
    appendfsync,
    connection: (url) => ({ url }),
    prepare: async () => undefined,
    profiles: {
      default: { text: '`new Queue()` and `new Worker()` without options (1 job at once, completed jobs kept)' },
      tuned: {
        text: '`concurrency: 100`, `removeOnComplete: true`',
        job: { removeOnComplete: true, removeOnFail: { count: 5_000 } },
        worker: { concurrency: 100 },
      },
    },
  });

export const everysec = onRedis('everysec');

const sameAs = `the same as with everysec`;
export const always = { ...onRedis('always'), moot: { w9: sameAs, w10: sameAs } };
