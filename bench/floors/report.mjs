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
};

/** Medians over the repetitions with their spread, as a Markdown table. */
export function table(results) {
  const lines = ['| | median | spread | to reach |', '|---|---:|---:|---|'];
  for (const [cell, repetitions] of Object.entries(results)) {
    for (const [name, read, write, target = ''] of ROWS[cell]) {
      const values = repetitions.map(({ result }) => read(result));
      const spread = `${write(Math.min(...values))} – ${write(Math.max(...values))}`;
      lines.push(`| ${name} | ${write(median(values))} | ${spread} | ${target} |`);
    }
  }
  return lines.join('\n');
}
