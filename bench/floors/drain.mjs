import { monitorEventLoopDelay } from 'node:perf_hooks';
import { startApplication } from './application.mjs';
import { claimLoop } from './floor.mjs';
import { connect, settle } from '../lib/postgres.mjs';
import { payload, sleep, walPosition } from '../lib/measure.mjs';

const BATCH = 5_000;

async function fill(queue, jobs) {
  for (let n = 0; n < jobs; n += BATCH) {
    await queue.addBulk(Array.from({ length: BATCH }, (_, i) => ({ name: 'noop', data: payload(n + i) })));
  }
}

/** W3: no-op jobs through real @Process handlers at their defaults; nothing may be lost or repeated. */
export async function drain({ url, schema, jobs }) {
  const seen = new Uint8Array(jobs);
  let count = 0;
  let done;
  const all = new Promise((resolve) => {
    done = resolve;
  });
  const app = await startApplication({
    url,
    schema,
    onData: (data) => {
      seen[data.n]++;
      if (++count === jobs) done();
    },
  });
  const client = await connect(url);
  await settle(client);
  const before = await walPosition(client);
  await fill(app.queue, jobs);
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const statements = app.statements;
  delay.enable();
  const begun = performance.now();
  await app.start();
  await all;
  while ((await completed(client, schema)) < jobs) await sleep(1);
  const ms = performance.now() - begun;
  delay.disable();
  const wal = (await walPosition(client)) - before;
  const roundTrips = app.statements - statements;
  await app.close();
  await client.end();
  if (seen.some((times) => times !== 1)) throw new Error('a job was lost or ran twice');
  return {
    rate: (jobs / ms) * 1000,
    walPerJob: wal / jobs,
    roundTripsPerJob: roundTrips / jobs,
    eventLoopP99: delay.percentile(99) / 1e6,
    eventLoopMax: delay.max / 1e6,
  };
}

/** The newest results are written last, so the last jobs say whether all are: cheap to ask again and again. */
async function completed(client, schema) {
  const { rows } = await client.query(`select count(*)::int as n from ${schema}.result where queue_id > 0`);
  return rows[0].n;
}

/** The floor of W3: the shipped functions in a loop of 500 by a bare client. */
export async function bareLoop({ url, schema, jobs }) {
  const app = await startApplication({ url, schema });
  const client = await connect(url);
  await settle(client);
  await fill(app.queue, jobs);
  await app.close();
  await client.end();
  const loop = await claimLoop({ url, schema, batch: 500 });
  if (loop.jobs !== jobs) throw new Error(`the loop saw ${loop.jobs} of ${jobs} jobs`);
  return { rate: (jobs / loop.ms) * 1000 };
}
