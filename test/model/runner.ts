import { adding } from './operations/adding.js';
import { claiming } from './operations/claiming.js';
import { controlling } from './operations/controlling.js';
import { dying } from './operations/dying.js';
import { finishing } from './operations/finishing.js';
import { finishAll } from './finish-all.js';
import { maintaining, reclaimAcross } from './operations/maintaining.js';
import { observe } from './observe.js';
import type { Operations } from './operations/operation.js';
import { Random } from './random.js';
import { straggling } from './operations/straggling.js';
import { transactions } from './operations/transactions.js';
import { verify, verifyJob } from './verify.js';
import { World } from './world.js';

/** One step: which operation, and the chance that decides about everything in it. So steps can be left out. */
export interface Step {
  readonly operation: string;
  readonly seed: number;
}

const during = [
  adding['add']!,
  claiming['claim']!,
  finishing['finish']!,
  controlling['cancel']!,
  controlling['drain']!,
  controlling['promote']!,
  controlling['promoteJob']!,
  dying['recover']!,
].map(({ run }) => run);

const OPERATIONS: Operations = {
  ...adding,
  ...transactions,
  ...claiming,
  ...finishing,
  ...controlling,
  ...maintaining,
  ...dying,
  ...straggling,
  reclaimAcross: { weight: 0.5, run: reclaimAcross(during) },
};

/** How often everything is looked at; after a reclaim it always is. */
const VERIFY_EVERY = 20;

export function generate(seed: number, steps: number): Step[] {
  const dice = new Random(seed);
  const weighted = Object.entries(OPERATIONS);
  const total = weighted.reduce((sum, [, { weight }]) => sum + weight, 0);
  return Array.from({ length: steps }, () => {
    let at = dice.next() * total;
    const operation = weighted.find(([, { weight }]) => (at -= weight) < 0) ?? weighted[0]!;
    return { operation: operation[0], seed: dice.int(2 ** 32) };
  });
}

export interface Outcome {
  readonly error?: Error;
  /** What was done, a line each; the last one is where it failed. */
  readonly log: readonly string[];
  /** How many of the steps were needed to fail. */
  readonly reached: number;
  readonly tally: Readonly<Record<string, number>>;
}

/** Runs steps on a log of their own, beside the oracle; at the end everything is finished. */
export async function play(url: string, steps: readonly Step[]): Promise<Outcome> {
  const world = new World(url);
  let reached = 0;
  try {
    await world.start();
    for (const { operation, seed } of steps) {
      const dice = new Random(seed);
      world.oracle.step = ++reached;
      if (!(await OPERATIONS[operation]!.run(world, dice))) continue;
      world.count(operation);
      await observe(world);
      if (reached % VERIFY_EVERY === 0) await verify(world);
      else await verifyJob(world, dice.oneOf([...dice.pick(world.oracle.queues).jobs.values()].slice(-20)));
    }
    world.says('everything is finished');
    await finishAll(world);
    return { log: world.log, reached, tally: world.tally };
  } catch (error) {
    return { error: error as Error, log: world.log, reached, tally: world.tally };
  } finally {
    await world.stop();
  }
}
