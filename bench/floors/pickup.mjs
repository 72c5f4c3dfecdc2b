import { fork } from 'node:child_process';
import path from 'node:path';
import { startApplication } from './application.mjs';
import { percentiles, sleep } from '../lib/measure.mjs';

/** W4: one job every 20 ms for an idle worker; the producer is another process. Milliseconds from add() to handler. */
export async function pickup({ url, schema, jobs }) {
  const latencies = [];
  const app = await startApplication({
    url,
    schema,
    // both processes read the same monotonic clock
    onData: (data) => latencies.push(Number(process.hrtime.bigint() - BigInt(data.at)) / 1e6),
  });
  await app.start();
  await sleep(500);
  const producer = fork(path.join(import.meta.dirname, 'pickup-producer.mjs'), [url, schema, String(jobs)]);
  await new Promise((resolve, reject) => {
    producer.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`the producer ended with ${code}`))));
  });
  while (latencies.length < jobs) await sleep(5);
  await app.close();
  if (latencies.length !== jobs) throw new Error(`${latencies.length} of ${jobs} jobs ran`);
  return percentiles(latencies.slice(jobs / 10));
}
