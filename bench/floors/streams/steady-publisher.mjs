// Publishes at a rate, in statements of what has become due, until it is told to stop; then it says how many there were.
import { now, payload, sleep } from '../../lib/measure.mjs';
import { startStreamApplication } from './application.mjs';

const [, , url, schema, rate] = process.argv;
const MOST = 2_500;
const app = await startStreamApplication({ url, schema, options: { maintenance: false } });
const stopping = new AbortController();
process.on('message', () => stopping.abort());
const begun = now();
let published = 0;
while (!stopping.signal.aborted) {
  const count = Math.min(MOST, Math.floor((Number(rate) * (now() - begun)) / 1_000) - published);
  if (count > 0) {
    const at = now();
    const events = Array.from({ length: count }, (_, i) => ({ type: 'noop', data: payload(published + i, at) }));
    published += count;
    await app.streams.publishBulk('bench', events);
  }
  await sleep(10);
}
process.send({ published });
await app.close();
process.disconnect();
