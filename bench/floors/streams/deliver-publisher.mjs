import { payload, sleep } from '../../lib/measure.mjs';
import { startStreamApplication } from './application.mjs';

const [, , url, schema, events] = process.argv;
const app = await startStreamApplication({ url, schema });
for (let n = 0; n < Number(events); n++) {
  await app.streams.publish('bench', { type: 'noop', data: { ...payload(n), at: String(process.hrtime.bigint()) } });
  await sleep(20);
}
await app.close();
