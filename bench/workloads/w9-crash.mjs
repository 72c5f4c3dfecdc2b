import { collect, ended, startAll, waitUntil } from '../lib/drain.mjs';
import { now, outOf, sleep } from '../lib/measure.mjs';
import { defaults } from './profiles.mjs';

const JOBS = 10;
const FOREVER = 600_000;
/** The other process has been up for so long. This package's watches for 10 s before it declares anybody dead. */
const UP_BEFORE = 12_000;

export default {
  title: 'W9: a process is killed',
  about:
    `A process that runs ${JOBS} jobs (concurrency ${JOBS}, everything else at its default) gets SIGKILL beside an idle ` +
    'one: seconds until the other one has done them all; each takes 1 s.',
  repeats: false,
  variants: { '': {} },
  profiles: defaults,
  sizes: { full: {}, quick: { limit: 16_000, systems: ['pgqueue'] } },

  async run(environment) {
    const victim = await environment.role('worker', { concurrency: JOBS, sleeps: FOREVER });
    const heir = await environment.role('worker', { concurrency: JOBS, sleeps: 1_000 });
    const producer = await environment.role('producer');
    await startAll([victim]);
    for (let n = 0; n < JOBS; n++) await producer.call('addOne');
    if (!(await waitUntil(() => victim.begun === JOBS, now() + 30_000))) {
      throw new Error(`it began only ${victim.begun} of ${JOBS} jobs within 30 s`);
    }
    await startAll([heir]);
    await sleep(UP_BEFORE);
    let killed;
    let isDone;
    const { result: took, usage } = await environment.measure(async () => {
      killed = now();
      await victim.kill();
      isDone = await waitUntil(() => ended([heir]) >= JOBS, killed + environment.limit);
      return now() - killed;
    });
    const { records, audit } = await collect([heir], isDone ? JOBS : undefined);
    const begun = records.at.length > 0 ? records.at[0] - killed : null;
    return {
      figures: { seconds: took / 1_000, begun: begun && begun / 1_000 },
      usage,
      isDone,
      ended: outOf(ended([heir]), JOBS),
      audit,
    };
  },

  columns: [
    { variant: '', figure: 'seconds', title: 'all done elsewhere after', as: 'seconds' },
    { variant: '', figure: 'begun', title: 'the first begun after', as: 'seconds' },
  ],
};
