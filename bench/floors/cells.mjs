import { addInBulk, addInTransactions, addOneByOne } from './add.mjs';
import { bareLoop, drain } from './drain.mjs';
import { pickup } from './pickup.mjs';
import { consume } from './streams/consume.mjs';
import { deliver } from './streams/deliver.mjs';
import { publish } from './streams/publish.mjs';
import { steady } from './streams/steady.mjs';

const FULL = { seconds: 4, bulk: 100_000, jobs: 100_000, pickups: 400 };
const QUICK = { seconds: 1, bulk: 50_000, jobs: 50_000, pickups: 100 };
/** Events, how often they are consumed in which batches, and seconds of a steady rate. */
const STREAMS = {
  full: { published: 100_000, consumed: 100_000, rounds: 2, sizes: [1_000, 100], steady: 600 },
  quick: { published: 25_000, consumed: 50_000, rounds: 1, sizes: [1_000], steady: 20 },
};

/** These run only when they are asked for. */
export const ON_REQUEST = new Set(['s6']);

/** What one repetition runs, floors beside what they are the floor of; each in a schema of its own. */
export function cells(quick) {
  const size = quick ? QUICK : FULL;
  const streams = quick ? STREAMS.quick : STREAMS.full;
  return {
    w1: (at) => addOneByOne({ ...at, seconds: size.seconds }),
    w1t: (at) => addInTransactions({ ...at, seconds: size.seconds / 2 }),
    w2: (at) => addInBulk({ ...at, jobs: size.bulk }),
    w3: async (at) => ({
      loop: await bareLoop({ ...at, schema: `${at.schema}_loop`, jobs: size.jobs }),
      drain: await drain({ ...at, jobs: size.jobs }),
    }),
    w4: (at) => pickup({ ...at, jobs: size.pickups }),
    s1: (at) => publish({ ...at, events: streams.published, seconds: size.seconds }),
    s3: (at) => consume({ ...at, events: streams.consumed, rounds: streams.rounds, sizes: streams.sizes }),
    s4: (at) => deliver({ ...at, events: size.pickups }),
    s6: (at) => steady({ ...at, seconds: streams.steady, rate: 5_000 }),
  };
}
