import { closedLoop, inTurns, payload } from '../../lib/measure.mjs';
import { startApplication } from '../application.mjs';
import { startStreamApplication } from './application.mjs';
import { plainEventTable } from './floor.mjs';

const KEYS = 1_000;

/**
 * S1: publishes in bulk, with and without keys; beside it plain inserts of as many rows a statement, and jobs. Then one by
 * one, by 16 callers; beside it as many clients' plain inserts.
 */
export async function publish({ url, schema, events, seconds, batch = 5_000 }) {
  const jobs = await startApplication({ url, schema });
  const app = await startStreamApplication({ url, schema });
  const plain = await plainEventTable({ url, schema, clients: 16 });
  const data = Array.from({ length: batch }, (_, n) => payload(n));
  const keys = data.map((_, n) => `key ${n % KEYS}`);
  const unkeyed = data.map((one) => ({ type: 'noop', data: one }));
  const keyed = unkeyed.map((event, n) => ({ ...event, key: keys[n] }));
  const added = data.map((one) => ({ name: 'noop', data: one }));
  const ms = await inTurns(
    {
      plain: () => plain.insertMany(data),
      bulk: () => app.streams.publishBulk('bulk', unkeyed),
      plainKeyed: () => plain.insertMany(data, keys),
      bulkKeyed: () => app.streams.publishBulk('keyed', keyed),
      addBulk: () => jobs.queue.addBulk(added),
    },
    events / batch,
  );
  let n = 0;
  const loop = (work) => closedLoop({ callers: 16, seconds, work });
  const result = {
    ...Object.fromEntries(Object.entries(ms).map(([name, all]) => [name, (events / all) * 1_000])),
    plain16: await loop((caller) => plain.insert(caller, payload(n++))),
    publish16: await loop(() => app.streams.publish('single', { type: 'noop', data: payload(n++) })),
  };
  await plain.close();
  await app.close();
  await jobs.close();
  return result;
}
