import { fork } from 'node:child_process';
import { loadavg } from 'node:os';
import path from 'node:path';
import { connect } from '../lib/postgres.mjs';
import { sleep } from '../lib/measure.mjs';
import { startFlatApplication } from './application.mjs';
import { pileUp } from './backlog.mjs';
import { catalogue, deadRows, pinHorizon, sizes } from './database.mjs';
import { Ledger } from './ledger.mjs';
import { Probe } from './probe.mjs';
import { Recorder } from './recorder.mjs';

const RETENTION = 5_000;
const SAMPLE_EVERY = 5_000;
/** Costs are taken more often at the start and the end: they depend on how full the segments are at the moment. */
const PROBE_EVERY = 60_000;
const PROBE_OFTEN = 6_000;
/** Jobs that wait, at most, beside what is fed in two seconds. */
const AHEAD = 20_000;

/**
 * One form of the benchmark: feeds and works off for some minutes, with maintenance at work.
 *
 * - The drain rate comes first: of a queue that was filled before, and of one that is refilled all the time. Then it is
 *   fed at `load` of the latter.
 */
export async function runFlat({ url, schema, minutes, load, pinned, backlog, rotation, log }) {
  const recorder = new Recorder();
  const ledger = new Ledger();
  const app = await startFlatApplication({
    url,
    schema,
    rotation,
    retention: RETENTION,
    recorder,
    run: ({ data }) => {
      if (ledger.ran(data.n)) throw new Error('it fails once');
    },
  });
  const client = await connect(url);
  const value = async (text, values) => Object.values((await client.query(text, values)).rows[0])[0];
  const queueId = await value(`select ${schema}.ensure_queue('flat')`);
  const probe = await Probe.start({ url, schema });
  if (backlog !== undefined) {
    log('piling up the backlog');
    for (const [id, part] of [
      [queueId, 0.9],
      [probe.queueId, 0.1],
    ]) {
      const { waiting, delayed, dead } = backlog;
      await pileUp(client, schema, id, {
        waiting: Math.round(waiting * part),
        delayed: Math.round(delayed * part),
        dead: Math.round(dead * part),
      });
    }
  }
  const feeder = await startFeeder(url, schema, ledger);

  // the drain rate
  await feeder.fill(60_000);
  await probe.beat();
  let begun = performance.now();
  await app.start();
  while (ledger.done < 48_000) await sleep(5);
  const drainRate = (ledger.done / (performance.now() - begun)) * 1_000;
  feeder.feed(null, AHEAD);
  await sleep(3_000);
  begun = performance.now();
  const doneBefore = ledger.done;
  await sleep(Math.min(15_000, minutes * 15_000));
  const refilledRate = ((ledger.done - doneBefore) / (performance.now() - begun)) * 1_000;
  const fedRate = refilledRate * load;
  log(
    `drains ${Math.round(drainRate)}/s, while refilled ${Math.round(refilledRate)}/s; fed at ${Math.round(fedRate)}/s`,
  );

  const release = pinned ? await pinHorizon(url) : undefined;
  feeder.feed(fedRate, AHEAD + fedRate * 2);
  await sleep(5_000);
  await probe.beat();
  await probe.costs();
  const costs = [];
  const before = await catalogue(client);
  const start = performance.now();
  const end = start + minutes * 60_000;
  const window = Math.min(60_000, (minutes * 60_000) / 3);
  const [upkeepBefore, claimsBefore] = [recorder.upkeep.length, recorder.claims.length];
  const seconds = [];
  const samples = [];
  let last = ledger.done;
  let deadest = 0;
  let nextSample = start;
  let nextProbe = start;
  while (performance.now() < end) {
    await sleep(1_000 - ((performance.now() - start) % 1_000));
    const now = performance.now();
    seconds.push({ at: now - start, jobs: ledger.done - last });
    last = ledger.done;
    if (now >= nextSample) {
      nextSample += SAMPLE_EVERY;
      await probe.beat();
      const tables = await deadRows(client, schema);
      const dead = Math.max(...tables.filter((table) => table.is_log).map((table) => table.dead));
      deadest = Math.max(deadest, dead);
      samples.push({
        at: now - start,
        ...(await sizes(client, schema)),
        dead,
        waiting: feeder.added - ledger.done,
        load: loadavg()[0],
      });
      log(
        `${Math.round((now - start) / 1000)} s: ${average(seconds.slice(-5))}/s, ${Math.round(samples.at(-1).total / 1e6)} MB, ${feeder.added - ledger.done} ahead, load ${samples.at(-1).load.toFixed(1)}`,
      );
    }
    if (now >= nextProbe) {
      costs.push({ at: now - start, costs: await probe.costs() });
      const often = now < start + window || now > end - window - PROBE_OFTEN;
      nextProbe = Math.min(now + (often ? PROBE_OFTEN : PROBE_EVERY), Math.max(end - window, now + PROBE_OFTEN));
    }
  }
  const stoppedAt = performance.now();
  const after = await catalogue(client);
  const tables = await deadRows(client, schema);
  await feeder.stop();
  while (ledger.done < feeder.added - feeder.refused.length) {
    if (performance.now() > stoppedAt + 120_000) break;
    await sleep(50);
  }
  await sleep(1_000);
  await app.close();
  const audit = ledger.audit(feeder.added, feeder.refused);
  const open = await value(
    `select jsonb_build_object('active', (select jobs from ${schema}.count_jobs($1, 'active')),
       'waiting', (select jobs from ${schema}.count_jobs($1, 'waiting')), 'delayed', (select jobs from ${schema}.count_jobs($1, 'delayed')),
       'failed', (select jobs from ${schema}.count_jobs($1, 'failed')))`,
    [queueId],
  );
  await probe.stop();
  await release?.();
  await client.end();
  const claims = recorder.claims.slice(claimsBefore).filter(({ at }) => at < stoppedAt);
  return {
    minutes,
    load,
    drainRate,
    refilledRate,
    fedRate,
    window,
    seconds,
    samples,
    costs,
    claims: claims.map(({ at, ms, duringUpkeep }) => ({ at: at - start, ms, duringUpkeep })),
    promotions: recorder.promotions.map(({ at, ms }) => ({ at: at - start, ms })).filter(({ at }) => at > 0),
    upkeep: recorder.upkeep
      .slice(upkeepBefore)
      .map(({ at, what, ring, ms, became }) => ({ at: at - start, what, ring, ms, became })),
    tables,
    deadest,
    catalogue: { before, after },
    audit,
    open,
  };
}

const average = (some) => Math.round(some.reduce((sum, { jobs }) => sum + jobs, 0) / some.length);

/** The producer's process, and what it has added so far. */
async function startFeeder(url, schema, ledger) {
  const child = fork(path.join(import.meta.dirname, 'feeder.mjs'), [url, schema]);
  const feeder = { added: 0, refused: [] };
  const ended = new Promise((resolve, reject) => {
    child.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`the feeder ended with ${code}`))));
  });
  ended.catch(() => undefined);
  const told = (what) =>
    new Promise((resolve, reject) => {
      const listen = (message) => {
        if (!(what in message)) return;
        child.off('message', listen);
        resolve();
      };
      child.on('message', listen);
      ended.catch(reject);
    });
  child.on('message', ({ from, count, refused }) => {
    if (from === undefined) return;
    feeder.added = Math.max(feeder.added, from + count);
    feeder.refused.push(...refused);
  });
  const ready = told('ready');
  const telling = setInterval(() => {
    // it may be gone at this moment
    if (child.connected) child.send({ done: ledger.done + feeder.refused.length }, () => undefined);
  }, 20);
  await ready;
  return Object.assign(feeder, {
    async fill(count) {
      const filled = told('filled');
      child.send({ fill: count });
      await filled;
    },
    feed: (rate, ahead) => child.send({ feed: { rate, ahead } }),
    async stop() {
      child.send({ stop: true });
      await ended.finally(() => clearInterval(telling));
    },
  });
}
