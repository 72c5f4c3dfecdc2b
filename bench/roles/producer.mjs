import { closedLoop, now, payload, sleep } from '../lib/measure.mjs';

/** Adds jobs, numbered from `first`, in the ways that the workloads ask for. */
export function producerRole(adapter, { first = 0, ...about }) {
  let producer;
  let next = first;
  // what a system returns for a job may not be fit for another process
  const add = async () => {
    await producer.add(payload(next++, now()));
  };

  return {
    open: async () => {
      producer = await adapter.producer(about);
    },

    /** One. */
    addOne: add,

    /** As fast as so many callers can; the first half second does not count. */
    async addOneByOne({ callers, seconds }) {
      const { rate, p50, p99 } = await closedLoop({ callers, seconds, work: add });
      return { rate, p50, p99, added: next - first };
    },

    /** In bulk, one statement after the other or `callers` at a time; no longer than `limit` ms. How many, and how long it took. */
    async addBulk({ count, batch, delay, callers = 1, limit = Infinity }) {
      const begun = now();
      const from = next;
      const isTime = () => now() - begun > limit;
      const caller = async () => {
        while (next - from < count && !isTime()) {
          const start = next;
          next += Math.min(batch, from + count - next);
          await producer.addBulk(
            Array.from({ length: next - start }, (_, i) => payload(start + i)),
            { delay },
          );
        }
      };
      await Promise.all(Array.from({ length: callers }, caller));
      return { added: next - from, ms: now() - begun };
    },

    /** At a rate, whatever the system makes of it. */
    async addAtRate({ rate, seconds }) {
      const begun = now();
      const calls = [];
      while (calls.length < rate * seconds) {
        const due = Math.min(rate * seconds, Math.floor(((now() - begun) / 1_000) * rate) + 1);
        while (calls.length < due) calls.push(add());
        await sleep(1);
      }
      await Promise.all(calls);
      return { added: calls.length };
    },

    close: async () => {
      await producer?.close();
    },
  };
}
