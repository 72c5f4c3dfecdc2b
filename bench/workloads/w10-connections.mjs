import { waitUntil } from '../lib/drain.mjs';
import { now, sleep } from '../lib/measure.mjs';
import { defaults } from './profiles.mjs';

const QUEUES = 30;
const EACH = 10;

export default {
  title: 'W10: connections',
  about: `One process with ${QUEUES} queues, each with a producer and a worker: connections that the server counts, idle and at most while ${EACH} jobs are added to each queue at once and run.`,
  repeats: false,
  variants: { '': {} },
  profiles: defaults,
  sizes: { full: {}, quick: {} },

  async run(environment) {
    const own = await connections(environment);
    const application = await environment.role('application', { queues: QUEUES });
    await sleep(1_000);
    const idle = (await connections(environment)) - own;
    let most = idle;
    let refused;
    const deadline = now() + Math.min(environment.limit, 10_000);
    const { usage } = await environment.measure(async () => {
      const adding = application.call('addToAll', { each: EACH }).catch((error) => {
        refused = error;
      });
      await waitUntil(
        async () => {
          most = Math.max(most, (await connections(environment)) - own);
          return (await application.call('ended')) >= QUEUES * EACH;
        },
        deadline,
        20,
      );
      await adding;
    });
    if (refused) throw refused;
    return { figures: { most, idle }, usage, isDone: true };
  },

  columns: [
    { variant: '', figure: 'most', title: 'at most', as: 'count' },
    { variant: '', figure: 'idle', title: 'idle', as: 'count' },
  ],
};

async function connections({ client, redis }) {
  if (redis) return (await redis.client('LIST')).trim().split('\n').length;
  const { rows } = await client.query(
    `select count(*)::int as n from pg_stat_activity where datname = current_database()`,
  );
  return rows[0].n;
}
