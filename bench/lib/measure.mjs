/** A job's data: 190 bytes as JSON; `at`, if given, is when it was added. */
export function payload(n, at) {
  const data = { n, at, to: `user${n % 100_000}@example.com`, template: 'welcome', language: 'en', text: '' };
  data.text = 'x'.repeat(190 - JSON.stringify(data).length);
  return data;
}

/** Milliseconds of the machine's monotonic clock: all processes read the same. */
export function now() {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1_000 + nanoseconds / 1e6;
}

/** Calls `work` from `callers` loops for a while, after a warm-up; the rate, and percentiles of each call's latency. */
export async function closedLoop({ callers, seconds, warmUp = 0.5, work }) {
  const run = async (ms) => {
    const latencies = [];
    const begun = performance.now();
    const loop = async (caller) => {
      while (performance.now() - begun < ms) {
        const at = performance.now();
        await work(caller);
        latencies.push(performance.now() - at);
      }
    };
    await Promise.all(Array.from({ length: callers }, (_, caller) => loop(caller)));
    return { count: latencies.length, rate: (latencies.length / (performance.now() - begun)) * 1000, latencies };
  };
  await run(warmUp * 1000);
  const { count, rate, latencies } = await run(seconds * 1000);
  return { count, rate, ...percentiles(latencies) };
}

/** Each of the works `times` times, by turns, so that none has the machine at its best: ms of each in all. The first turn does not count. */
export async function inTurns(works, times) {
  const ms = Object.fromEntries(Object.keys(works).map((name) => [name, 0]));
  for (let turn = 0; turn <= times; turn++) {
    const order = Object.entries(works);
    if (turn % 2 === 1) order.reverse();
    for (const [name, work] of order) {
      const begun = performance.now();
      await work();
      if (turn > 0) ms[name] += performance.now() - begun;
    }
  }
  return ms;
}

export function percentiles(values) {
  const sorted = Float64Array.from(values).toSorted();
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: sorted.at(-1) };
}

export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Position in the WAL, in bytes. */
export async function walPosition(client) {
  const { rows } = await client.query(`select (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::float8 as bytes`);
  return rows[0].bytes;
}

export async function sleep(ms) {
  await new Promise((resolve) => setTimeout(resolve, ms));
}

/** What was done of all there was, in words. */
export function outOf(count, all) {
  return `${count.toLocaleString('en-US')} of ${all.toLocaleString('en-US')}`;
}
