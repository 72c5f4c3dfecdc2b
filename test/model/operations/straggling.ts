import { observe } from '../observe.js';
import type { Random } from '../random.js';
import type { World } from '../world.js';
import { addTo } from './adding.js';
import { claimFrom } from './claiming.js';
import type { Operations } from './operation.js';
import { endTransaction, open } from './transactions.js';

/**
 * What chance alone seldom brings about: jobs whose transaction was open while their lane's cursor passed it, and a claim
 * that ends among them.
 */
async function straggle(world: World, dice: Random): Promise<boolean> {
  const workers = world.workers.filter(({ unanswered }) => unanswered === undefined);
  if (world.transactions.length > 0 || workers.length === 0) return false;
  const queue = dice.pick(world.oracle.queues);
  const priority = dice.int(2);
  const job = () => ({ name: dice.chance(0.8) ? 'a' : 'b', data: world.serial++, attempts: 2, priority });
  const late = [await open(world, false), await open(world, false)];
  for (const tx of dice.shuffled([...late, ...late])) {
    await addTo(world, dice, queue, tx, Array.from({ length: 1 + dice.int(3) }, job), tx);
    if (dice.chance(0.4)) await addTo(world, dice, queue, world.producer, [job()]);
    await observe(world);
  }
  await addTo(world, dice, queue, world.producer, [job()]);
  await observe(world);
  const [worker] = workers;
  await claimFrom(world, worker!, queue, dice, { want: 1 + dice.int(40), lanes: null, names: null, full: null });
  await observe(world);
  for (const tx of dice.shuffled(late)) {
    world.says(`commit ${tx.text}`);
    await endTransaction(world, tx, 'commit');
    await observe(world);
    for (const other of workers) {
      if (other.unanswered !== undefined || dice.chance(0.3)) continue;
      await claimFrom(world, other, queue, dice, { want: 1 + dice.int(3), maxBytes: 1e9 });
      await observe(world);
    }
  }
  return true;
}

export const straggling: Operations = { straggle: { weight: 1.5, run: straggle } };
