import { fork } from 'node:child_process';
import path from 'node:path';
import { percentiles, sleep } from '../../lib/measure.mjs';
import { startStreamApplication } from './application.mjs';

/** S4: one event every 20 ms for an idle consumer; the publisher is another process. Milliseconds from publish() to handler. */
export async function deliver({ url, schema, events }) {
  const latencies = [];
  const consumer = {
    stream: 'bench',
    options: { group: 'g', startFrom: 'start' },
    // both processes read the same monotonic clock
    onEvent: ({ data }) => latencies.push(Number(process.hrtime.bigint() - BigInt(data.at)) / 1e6),
  };
  const app = await startStreamApplication({ url, schema, consumers: [consumer] });
  await app.start();
  await sleep(500);
  const publisher = fork(path.join(import.meta.dirname, 'deliver-publisher.mjs'), [url, schema, String(events)]);
  await new Promise((resolve, reject) => {
    publisher.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`the publisher ended with ${code}`))));
  });
  while (latencies.length < events) await sleep(5);
  await app.close();
  if (latencies.length !== events) throw new Error(`${latencies.length} of ${events} events came`);
  return percentiles(latencies.slice(events / 10));
}
