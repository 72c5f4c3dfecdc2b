import { fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { PgConnection } from '../../../dist/engine/postgres/connection.js';
import { PostgresMaintenanceEngine } from '../../../dist/engine/postgres/postgres-maintenance.engine.js';
import { Upkeep } from '../../../dist/runtime/upkeep.js';
import { deadRows, pinHorizon } from '../../flat/database.mjs';
import { now, percentiles, sleep } from '../../lib/measure.mjs';
import { connect } from '../../lib/postgres.mjs';
import { startStreamApplication } from './application.mjs';

const GROUPS = ['a', 'b'];
/** In ten minutes as often as in hours. */
const ROTATION = { rows: 1_000_000, bytes: 256 * 1024 * 1024, age: 15_000 };
const LOOK_EVERY = 1_000;

/**
 * S6: events are published at a steady rate by another process, and consumed by two groups, while two transactions stay open
 * that keep all dead rows: the first minute (or quarter) against the last.
 */
export async function steady({ url, schema, seconds, rate }) {
  const seen = GROUPS.map(() => new Uint8Array(Math.ceil(rate * (seconds + 60))));
  const records = [];
  const take = (group) => (events) => {
    const at = now();
    for (const { data } of events) seen[group][data.n]++;
    records.push({ at, count: events.length, latency: at - events[0].data.at });
  };
  const app = await startStreamApplication({
    url,
    schema,
    options: { maintenance: false },
    consumers: GROUPS.map((group, i) => ({
      stream: 'bench',
      options: { group, startFrom: 'start', maxMessages: 1_000 },
      onBatch: take(i),
    })),
  });
  await app.start();
  const client = await connect(url);
  const buffers = await startProbe(client, schema);
  // nothing is kept for groups to come, or the ring could not turn
  await client.query(`update ${schema}.queue set settings = settings || '{"retention": 0}' where kind = 's'`);
  const upkeep = startUpkeep(app);
  const release = await pinHorizon(url);
  const publisher = startPublisher([url, schema, String(rate)]);
  const warmUp = Math.min(10_000, seconds * 100);
  await sleep(warmUp);
  const from = now();
  const to = from + seconds * 1_000;
  const costs = [];
  while (now() < to && !publisher.failed) {
    costs.push({ at: now(), buffers: await buffers() });
    await sleep(Math.min(5_000, seconds * 50));
  }
  const dead = await deadRows(client, schema);
  const published = await publisher.stop();
  const isAll = () => records.reduce((sum, { count }) => sum + count, 0) >= published * GROUPS.length;
  for (let tries = 0; tries < 600 && !isAll(); tries++) await sleep(100);
  await upkeep.stop();
  await app.close();
  await release();
  await client.end();
  if (seen.some((ledger) => ledger.subarray(0, published).some((times) => times !== 1)))
    throw new Error('an event was lost or came twice');
  const window = Math.min(60_000, (seconds * 1_000) / 4);
  return {
    published,
    first: within(records, costs, from, from + window),
    last: within(records, costs, to - window, to),
    rotations: upkeep.done.filter(({ task }) => task === 'rotate').length,
    reclaimed: upkeep.done.filter(({ task, became }) => task === 'reclaim' && became === 'reclaimed').length,
    dead: Math.max(...dead.filter(({ is_log }) => is_log).map((table) => table.dead)),
    deadTables: dead.filter((table) => table.dead > 0),
  };
}

/** What happened between two instants. */
function within(records, costs, from, to) {
  const isIn = ({ at }) => at >= from && at < to;
  const its = records.filter(isIn);
  return {
    rate: (its.reduce((sum, { count }) => sum + count, 0) / (to - from)) * 1_000,
    latency: percentiles(its.map(({ latency }) => latency)),
    buffers: percentiles(costs.filter(isIn).map((one) => one.buffers)),
  };
}

/** A group of its own on a stream without events: the pages that a look touches, which every take pays beside its events. */
async function startProbe(client, schema) {
  const worker = randomUUID();
  await client.query(`select ${schema}.register_worker($1, 'probe', 0, '{}', false)`, [worker]);
  const { rows } = await client.query(
    `select group_id from ${schema}.subscribe(${schema}.ensure_stream('probe'), 'g', 'end')`,
  );
  return async () => {
    await client.query(`select ${schema}.beat($1, 0, false)`, [worker]);
    const { rows: plan } = await client.query(
      `explain (analyze, buffers, format json) select * from ${schema}.take_batch(${rows[0].group_id}, '${worker}', 1, 100, 8388608, false)`,
    );
    const { Plan } = plan[0]['QUERY PLAN'][0];
    return Plan['Shared Hit Blocks'] + Plan['Shared Read Blocks'];
  };
}

/** Upkeep as a process does it, with segments that are rotated sooner. */
function startUpkeep(app) {
  const done = [];
  class Recording extends PostgresMaintenanceEngine {
    async rotate(ring) {
      const became = await super.rotate(ring);
      done.push({ task: 'rotate', ring, became });
    }
    async reclaim(ring, ...rest) {
      const became = await super.reclaim(ring, ...rest);
      done.push({ task: 'reclaim', ring, became });
      return became;
    }
  }
  const engine = new Recording(app.get(PgConnection));
  const upkeep = new Upkeep({ engine, log: console, onStalled: () => undefined }, ROTATION, LOOK_EVERY);
  upkeep.start();
  return { done, stop: () => upkeep.stop() };
}

function startPublisher(values) {
  const child = fork(path.join(import.meta.dirname, 'steady-publisher.mjs'), values);
  const published = new Promise((resolve, reject) => {
    child.on('message', (message) => resolve(message.published));
    child.on('exit', (code) => reject(new Error(`the publisher ended with ${code}`)));
  });
  const publisher = {
    failed: false,
    async stop() {
      // it may be gone
      child.send('stop', () => undefined);
      return published;
    },
  };
  published.catch(() => {
    publisher.failed = true;
  });
  return publisher;
}
