import { startApplication } from './application.mjs';
import { plainTable } from './floor.mjs';
import { connect } from '../lib/postgres.mjs';
import { closedLoop, payload } from '../lib/measure.mjs';

/** W1: adds one by one, 1 and 16 callers; beside them as many clients' plain inserts. */
export async function addOneByOne({ url, schema, seconds }) {
  const app = await startApplication({ url, schema });
  const plain = await plainTable({ url, schema, clients: 16 });
  let n = 0;
  const loop = (callers, work) => closedLoop({ callers, seconds, work });
  const result = {
    plain16: await loop(16, (caller) => plain.insert(caller, payload(n++))),
    add16: await loop(16, () => app.queue.add('noop', payload(n++))),
    plain1: await loop(1, () => plain.insert(0, payload(n++))),
    add1: await loop(1, () => app.queue.add('noop', payload(n++))),
  };
  await plain.close();
  await app.close();
  return result;
}

/** W1t: 16 callers that add in transactions of their own, with and without the add's notification. */
export async function addInTransactions({ url, schema, seconds }) {
  const clients = await Promise.all(Array.from({ length: 16 }, () => connect(url)));
  const loop = async (notifyInTransaction) => {
    const app = await startApplication({ url, schema, options: { notifyInTransaction } });
    await clients[0].query(
      `create table if not exists ${schema}.orders (id bigint generated always as identity, n int)`,
    );
    let n = 0;
    const rate = await closedLoop({
      callers: 16,
      seconds,
      work: async (caller) => {
        const tx = clients[caller];
        await tx.query('begin');
        await tx.query(`insert into ${schema}.orders (n) values ($1)`, [n]);
        await app.queue.add('noop', payload(n++), { tx });
        await tx.query('commit');
      },
    });
    await app.close();
    return rate;
  };
  // twice each, in turn: the machine's speed drifts
  const rounds = [await loop(true), await loop(false), await loop(false), await loop(true)];
  await Promise.all(clients.map((client) => client.end()));
  const mean = (a, b) => (rounds[a].rate + rounds[b].rate) / 2;
  return { with: mean(0, 3), without: mean(1, 2) };
}

/** W2: adds in bulk, and plain inserts of as many rows a statement. */
export async function addInBulk({ url, schema, jobs, batch = 5_000 }) {
  const app = await startApplication({ url, schema });
  const plain = await plainTable({ url, schema, clients: 1 });
  const data = Array.from({ length: batch }, (_, n) => payload(n));
  const bulk = data.map((one) => ({ name: 'noop', data: one }));
  const timed = async (work) => {
    await work();
    const begun = performance.now();
    for (let n = 0; n < jobs; n += batch) await work();
    return (jobs / (performance.now() - begun)) * 1000;
  };
  const result = { plain: await timed(() => plain.insertMany(data)), add: await timed(() => app.queue.addBulk(bulk)) };
  await plain.close();
  await app.close();
  return result;
}
