import { startApplication } from './application.mjs';
import { payload, sleep } from '../lib/measure.mjs';

const [, , url, schema, jobs] = process.argv;
const app = await startApplication({ url, schema });
for (let n = 0; n < Number(jobs); n++) {
  await app.queue.add('noop', { ...payload(n), at: String(process.hrtime.bigint()) });
  await sleep(20);
}
await app.close();
