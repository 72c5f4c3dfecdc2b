import { median } from '../lib/measure.mjs';

const whole = (value) => Math.round(value).toLocaleString('en-US');
const fixed = (digits) => (value) => value.toFixed(digits);
const ms = (value) => `${value.toFixed(2)} ms`;

/** What is shown of each cell: a name, how to read it from one repetition, how to write it, and what it should be. */
const ROWS = {
  w1: [
    ['plain insert, 1 client (rows/s)', (r) => r.plain1.rate, whole],
    ['add(), 1 caller (jobs/s)', (r) => r.add1.rate, whole],
    ['add(), 1 caller: p50', (r) => r.add1.p50, ms],
    ['add(), 1 caller: p99', (r) => r.add1.p99, ms],
    ['plain insert, 16 clients (rows/s)', (r) => r.plain16.rate, whole],
    ['add(), 16 callers (jobs/s)', (r) => r.add16.rate, whole],
    ['add(), 16 callers: p50', (r) => r.add16.p50, ms],
    ['add(), 16 callers: p99', (r) => r.add16.p99, ms],
    ['add() ÷ plain insert, 16 callers', (r) => r.add16.rate / r.plain16.rate, fixed(2), '≥ 2'],
  ],
  w1t: [
    ['transactions with an add(), 16 callers (tx/s)', (r) => r.with, whole],
    ['the same without its notification (tx/s)', (r) => r.without, whole],
    ['with ÷ without notification', (r) => r.with / r.without, fixed(2), '≥ 0.80'],
  ],
  w2: [
    ['plain bulk insert (rows/s)', (r) => r.plain, whole],
    ['addBulk() (jobs/s)', (r) => r.add, whole],
    ['addBulk() ÷ plain bulk insert', (r) => r.add / r.plain, fixed(2), '≥ 0.60'],
  ],
  w3: [
    ['claim and finish by a bare client, loop of 500 (jobs/s)', (r) => r.loop.rate, whole],
    ['drain through @Process handlers (jobs/s)', (r) => r.drain.rate, whole],
    ['drain ÷ loop', (r) => r.drain.rate / r.loop.rate, fixed(2), '≥ 0.70'],
    ['WAL per job, from add to finish', (r) => r.drain.walPerJob, (v) => `${whole(v)} bytes`, '≤ 700 bytes'],
    ['round trips per job, from claim to finish', (r) => r.drain.roundTripsPerJob, fixed(4)],
    ['event loop delay during the drain: p99', (r) => r.drain.eventLoopP99, ms],
    ['event loop delay during the drain: max', (r) => r.drain.eventLoopMax, ms],
  ],
  w4: [
    ['idle pickup: p50', (r) => r.p50, ms, '≤ 5 ms'],
    ['idle pickup: p95', (r) => r.p95, ms],
    ['idle pickup: p99', (r) => r.p99, ms, '≤ 15 ms'],
    ['idle pickup: max', (r) => r.max, ms],
  ],
  s1: [
    ['plain bulk insert of events (rows/s)', (r) => r.plain, whole],
    ['publishBulk() (events/s)', (r) => r.bulk, whole],
    ['publishBulk() ÷ plain bulk insert', (r) => r.bulk / r.plain, fixed(2), '≥ 0.60'],
    ['publishBulk() ÷ addBulk()', (r) => r.bulk / r.addBulk, fixed(2), '≥ 1'],
    ['plain bulk insert of events with keys (rows/s)', (r) => r.plainKeyed, whole],
    ['publishBulk() with keys (events/s)', (r) => r.bulkKeyed, whole],
    ['publishBulk() ÷ plain bulk insert, with keys', (r) => r.bulkKeyed / r.plainKeyed, fixed(2), '≥ 0.60'],
    ['plain insert of events, 16 clients (rows/s)', (r) => r.plain16.rate, whole],
    ['publish(), 16 callers (events/s)', (r) => r.publish16.rate, whole],
    ['publish(), 16 callers: p50', (r) => r.publish16.p50, ms],
    ['publish(), 16 callers: p99', (r) => r.publish16.p99, ms],
    ['publish() ÷ plain insert, 16 callers', (r) => r.publish16.rate / r.plain16.rate, fixed(2), '≥ 2'],
  ],
  s3: [
    ...[1_000, 100].flatMap((size) => [
      [`take_batch() and finish() by a bare client, loop of ${whole(size)} (events/s)`, (r) => r[`loop${size}`], whole],
      [`@OnStreamBatch() of ${whole(size)}, 1 group (events/s)`, (r) => r[`one${size}`], whole],
      [`1 group ÷ loop, batches of ${whole(size)}`, (r) => r[`one${size}`] / r[`loop${size}`], fixed(2), '≥ 0.70'],
      [`@OnStreamBatch() of ${whole(size)}, 4 groups together (deliveries/s)`, (r) => r[`four${size}`], whole],
      [`4 groups ÷ loop, batches of ${whole(size)}`, (r) => r[`four${size}`] / r[`loop${size}`], fixed(2), '≥ 0.70'],
    ]),
    ['@OnStreamEvent(), 1 group, batches of 100 (events/s)', (r) => r.single, whole],
    ['WAL per event of publishing', (r) => r.walPerEvent.published, (v) => `${whole(v)} bytes`],
    ...[1_000, 100].flatMap((size) => [
      [
        `WAL per event of each further group, batches of ${whole(size)}`,
        (r) => r.walPerEvent[`group${size}`],
        (v) => `${v.toFixed(1)} bytes`,
      ],
      [
        `each further group ÷ one, from publishing to the end of consuming, batches of ${whole(size)}`,
        (r) => r.walPerEvent[`group${size}`] / (r.walPerEvent.published + r.walPerEvent[`first${size}`]),
        (v) => `${(v * 100).toFixed(1)} %`,
        '< 5 %',
      ],
    ]),
  ],
  s4: [
    ['idle delivery: p50', (r) => r.p50, ms, '≤ 5 ms'],
    ['idle delivery: p95', (r) => r.p95, ms],
    ['idle delivery: p99', (r) => r.p99, ms, '≤ 15 ms'],
    ['idle delivery: max', (r) => r.max, ms],
  ],
  s6: [
    ['deliveries to 2 groups beside a pinned horizon: first minute (1/s)', (r) => r.first.rate, whole],
    ['last minute (1/s)', (r) => r.last.rate, whole],
    ['last ÷ first', (r) => r.last.rate / r.first.rate, fixed(2), '≥ 0.95'],
    ['from publishing to the handler, first minute: p50', (r) => r.first.latency.p50, ms],
    ['last minute: p50', (r) => r.last.latency.p50, ms],
    ['first minute: p99', (r) => r.first.latency.p99, ms],
    ['last minute: p99', (r) => r.last.latency.p99, ms],
    ['buffers of a look that finds nothing, first minute: p50', (r) => r.first.buffers.p50, whole],
    ['last minute: p50', (r) => r.last.buffers.p50, whole],
    ['dead rows in a segment of the log at the end, at most', (r) => r.dead, whole, '0'],
    ['segments rotated', (r) => r.rotations, whole],
    ['segments reclaimed', (r) => r.reclaimed, whole],
  ],
};

/** Medians over the repetitions with their spread, as a Markdown table. */
export function table(results) {
  const lines = ['| | median | spread | to reach |', '|---|---:|---:|---|'];
  for (const [cell, repetitions] of Object.entries(results)) {
    for (const [name, read, write, target = ''] of ROWS[cell]) {
      const values = repetitions.map(({ result }) => read(result));
      // not in the quick form
      if (values.every((value) => !Number.isFinite(value))) continue;
      const spread = `${write(Math.min(...values))} – ${write(Math.max(...values))}`;
      lines.push(`| ${name} | ${write(median(values))} | ${spread} | ${target} |`);
    }
  }
  return lines.join('\n');
}
