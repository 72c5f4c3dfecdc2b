import { createPostgresBackend, runMigrations, withBackend } from 'bullmq';
import { connect } from '../lib/postgres.mjs';
import { bullmq } from './bullmq.mjs';

export default bullmq({
  ...withBackend(createPostgresBackend),
  title: 'BullMQ on PostgreSQL',
  server: 'postgres',
  connection: (url) => url,
  async prepare({ url }) {
    const client = await connect(url);
    await runMigrations(client);
    await client.end();
  },
  profiles: {
    default: { text: '`new Queue()` and `new Worker()` without options (1 job at once, completed jobs kept)' },
    tuned: {
      text: '`concurrency: 32` (its documentation measures 8 to 32), `removeOnComplete: true`',
      job: { removeOnComplete: true, removeOnFail: { count: 5_000 } },
      worker: { concurrency: 32 },
    },
  },
});
