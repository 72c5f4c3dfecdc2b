import { payload } from '../lib/measure.mjs';

/** One process with a producer and a worker for each of many queues. */
export function applicationRole(adapter, about) {
  let application;
  let ended = 0;
  const queues = Array.from({ length: about.queues }, (_, i) => `queue${i}`);
  const run = () => {
    ended++;
  };

  return {
    open: async () => {
      application = await adapter.application({ ...about, queues, run });
    },

    /** As many to each queue, all at once. */
    async addToAll({ each }) {
      const adding = queues.flatMap((queue) =>
        Array.from({ length: each }, (_, n) => application.add(queue, payload(n))),
      );
      await Promise.all(adding);
    },

    ended: () => ended,

    close: async () => {
      await application?.close();
    },
  };
}
