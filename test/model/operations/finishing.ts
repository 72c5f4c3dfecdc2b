import { expect } from 'vitest';
import type { FollowUp } from '../../../lib/engine/worker-engine.interface.js';
import { failure, outcome } from '../../support/engine.js';
import { byPlace, type Hand } from '../oracle/job.js';
import { frontOf, wasLost } from '../oracle/queue.js';
import type { Random } from '../random.js';
import { runText, type Worker, type World } from '../world.js';
import { cutWhenBlocked, expectBlockedBy, type Operations } from './operation.js';
import { endTransaction } from './transactions.js';

interface Ending {
  readonly text: string;
  readonly followUp?: FollowUp;
}

function randomEnding(dice: Random, serial: number): Ending {
  const error = { message: `error ${serial}` };
  const delay = dice.pick([0, 1, 5, 3_600_000]);
  const endings: Ending[] = [
    { text: 'retried now', followUp: { state: 'r', to: 'home', charge: 1, error } },
    { text: `retried delay=${delay}`, followUp: { state: 'r', delay, charge: 1, error } },
    { text: `postponed delay=${delay}`, followUp: { state: 'p', delay, charge: 0 } },
    { text: 'handed back', followUp: { state: 'm', to: 'front', charge: 0 } },
    { text: 'moved to its name', followUp: { state: 'm', to: 'name', charge: 0 } },
    { text: 'dead', followUp: { state: 'f', reason: dice.pick(['exhausted', 'unrecoverable']), error } },
  ];
  return dice.chance(0.5) ? { text: 'completed' } : dice.pick(endings);
}

/** Ends a run as the log should. */
export function endRun(
  world: World,
  hand: Hand,
  { followUp }: Ending,
  output: string | null,
  known?: ReadonlySet<string>,
): void {
  const { job } = hand;
  const { queue } = job;
  if (followUp === undefined) {
    world.oracle.complete(job, output);
    return;
  }
  queue.endRun(job, followUp.state, world.oracle.leaseReclaims);
  const charged = job.attempt + (followUp.charge ?? 0);
  if (followUp.state === 'f') {
    queue.die(job, charged, followUp.error?.message);
    return;
  }
  if (followUp.error !== undefined) job.errors.push(followUp.error.message);
  job.attempt = charged;
  job.run++;
  const home = queue.lineOf(job.name, job.priority, known);
  // what was lost stays in its own lane, which is its name's as well
  const toFront = followUp.to === 'front' || (followUp.to === 'name' && wasLost(job.lane));
  if (followUp.delay !== undefined) queue.delay(job, home);
  else queue.enter(job, toFront ? frontOf(job.lane) : followUp.to === 'name' ? queue.special('n', job) : home);
}

/** The states a refusal may name: that of the result; null once the lease has been reclaimed. */
function refusals({ ended, job }: Hand, world: World): (string | null)[] {
  const states: (string | null)[] = [job.erased ? 'd' : ended!.state];
  if (world.oracle.leaseReclaims > ended!.reclaims) states.push(null);
  return states;
}

/** Workers that may say something: alive and not waiting for an answer, or dead and late. */
function speakers(world: World): Worker[] {
  return [...world.workers, ...world.dead].filter(
    ({ unanswered, hands }) => unanswered === undefined && hands.length > 0,
  );
}

interface Batch {
  readonly worker: Worker;
  readonly chosen: { hand: Hand; ending: Ending; output: string | null }[];
}

function randomBatch(world: World, dice: Random): Batch | undefined {
  const worker = dice.oneOf(speakers(world));
  if (worker === undefined) return undefined;
  const { queue } = dice.pick(worker.hands).job;
  const open = world.openHands(worker, queue);
  const ended = worker.hands.filter((hand) => hand.ended !== undefined && hand.job.queue === queue);
  const hands = dice.shuffled(open).slice(0, 1 + dice.int(4));
  if (ended.length > 0 && dice.chance(0.15)) hands.push(dice.pick(ended.slice(-10)));
  if (hands.length === 0) return undefined;
  const chosen = hands.map((hand) => {
    const ending = randomEnding(dice, world.serial++);
    return {
      hand,
      ending,
      output: ending.followUp === undefined && dice.chance(0.5) ? `"done ${world.serial}"` : null,
    };
  });
  return { worker, chosen };
}

const batchText = ({ worker, chosen }: Batch): string =>
  `${worker.text} ${chosen[0]!.hand.job.queue.text} ${chosen.map(({ hand, ending }) => `${runText(hand)} ${ending.text}${hand.ended === undefined ? '' : ' (ended before)'}`).join(', ')}`;

const outcomes = ({ chosen }: Batch) =>
  chosen.map(({ hand, ending, output }) => outcome(hand.run, ending.followUp, output));

async function finish(world: World, dice: Random): Promise<boolean> {
  const batch = randomBatch(world, dice);
  if (batch === undefined) return false;
  const { worker, chosen } = batch;
  world.says(`finish ${batchText(batch)}`);
  const finishing = worker.session.work.finish(
    worker.id,
    chosen[0]!.hand.job.queue.queue.id,
    outcomes(batch),
    dice.chance(0.25),
  );
  finishing.catch(() => undefined);
  for (const { hand } of chosen.toSorted((a, b) => Number(a.hand.job.key) - Number(b.hand.job.key))) {
    const tx = hand.ended === undefined ? hand.job.completedIn : undefined;
    if (tx === undefined) continue;
    await expectBlockedBy(world, worker, finishing, tx);
    const how = dice.pick(['commit', 'rollback'] as const);
    world.came(`waits for ${tx.text}: ${how}`);
    world.count('finish waits for completeIn');
    await endTransaction(world, tx, how);
  }
  settleBatch(world, batch, await finishing);
  if (dice.chance(0.1)) {
    world.says(`finish the same again`);
    settleBatch(
      world,
      batch,
      await worker.session.work.finish(worker.id, chosen[0]!.hand.job.queue.queue.id, outcomes(batch), true),
    );
  }
  worker.hands = [...worker.hands.filter(({ ended }) => ended !== undefined).slice(-20), ...world.openHands(worker)];
  return true;
}

function settleBatch(
  world: World,
  { chosen }: Batch,
  refused: readonly { key: string; run: number; state: string | null }[],
): void {
  // a lane that one of them makes is not seen by the others
  const known = new Set(chosen[0]!.hand.job.queue.specials.keys());
  for (const { hand, ending, output } of chosen.toSorted((a, b) => byPlace(a.hand.job, b.hand.job))) {
    const refusal = refused.find(({ key, run }) => key === hand.run.key && run === hand.run.run);
    if (hand.ended === undefined) {
      expect(refusal, `${runText(hand)} may end`).toBeUndefined();
      endRun(world, hand, ending, output, known);
    } else {
      expect(refusal, `${runText(hand)} has ended before and is refused`).toBeDefined();
      expect(refusals(hand, world), `how ${runText(hand)} has ended`).toContain(refusal!.state);
      world.count('refusals');
    }
  }
  expect(refused.length).toBeLessThanOrEqual(chosen.length);
}

const LOCKS = {
  'before it looks': `select pg_advisory_xact_lock(S.lock_key('guard'))`,
  'before it ends the runs': 'lock table S.result_0, S.result_1, S.result_2 in share mode',
  'before it appends what follows':
    'lock table S.entry_0, S.entry_1, S.entry_2, S.delayed_0, S.delayed_1, S.delayed_2, S.dead in share mode',
};

async function killFinish(world: World, dice: Random): Promise<boolean> {
  const batch = randomBatch(world, dice);
  if (batch === undefined || world.transactions.length > 0) return false;
  const { worker, chosen } = batch;
  const where = dice.pick(Object.keys(LOCKS) as (keyof typeof LOCKS)[]);
  world.says(`kill ${worker.text} (backend terminated while it finishes, ${where}) ${batchText(batch)}`);
  let refused: Awaited<ReturnType<Worker['session']['work']['finish']>> | undefined;
  const how = await cutWhenBlocked(world, LOCKS[where], worker, async () => {
    refused = await worker.session.work.finish(worker.id, chosen[0]!.hand.job.queue.queue.id, outcomes(batch), false);
  });
  world.count(`finish ${how}`);
  world.came(how);
  if (how === 'cut') {
    await world.reconnect(worker);
    return true;
  }
  await world.until(() => refused !== undefined);
  settleBatch(world, batch, refused!);
  return true;
}

/** In a transaction that stays open. */
async function completeIn(world: World, dice: Random): Promise<boolean> {
  const tx = dice.oneOf(world.transactions);
  const worker = dice.oneOf(speakers(world));
  if (tx === undefined || worker === undefined) return false;
  const hand = dice.oneOf(
    worker.hands
      .filter(({ job, ended }) => ended !== undefined || job.completedIn === undefined || job.completedIn === tx)
      .slice(-8),
  );
  if (hand === undefined) return false;
  const { job, run, ended } = hand;
  world.says(
    `complete ${runText(hand)} of ${worker.text} ${job.queue.text} in ${tx.text}${ended === undefined ? '' : ' (ended before)'}`,
  );
  const output = job.completedIn === undefined ? `"in ${world.serial++}"` : job.output;
  tx.hasCompleted = true;
  const failed = await failure(
    tx.session.work
      .completeIn(tx.session.client, worker.id, job.queue.queue.id, {
        key: run.key,
        run: run.run,
        lease: run.lease,
        ran: 1,
        output,
      })
      .catch((error: Error) => {
        throw Object.assign(error, {
          code: error.name === 'LeaseLostError' ? 'lost' : (error as { code?: string }).code,
        });
      }),
  );
  const { snapshot } = tx;
  const isLate = snapshot !== undefined && (snapshot.moves < world.oracle.moves || hand.step > snapshot.step);
  world.count(`completeIn ${failed}`);
  world.came(failed);
  if (failed === 'none') {
    // ended as completed before: it says so, and does nothing
    const isDone = ended === undefined || (ended.state === 'c' && !job.erased);
    expect(isDone, `a completion of ${runText(hand)} should be refused`).toBe(true);
    if (ended === undefined && job.completedIn === undefined) {
      job.completedIn = tx;
      tx.effects.push({ kind: 'completed', hand, output: output! });
    }
    return true;
  }
  expect(ended !== undefined || isLate, `a completion of ${runText(hand)} should be accepted`).toBe(true);
  if (snapshot === undefined) expect(failed).toBe('lost');
  else expect(['lost', '40001']).toContain(failed);
  await endTransaction(world, tx, 'rollback');
  return true;
}

export const finishing: Operations = {
  finish: { weight: 18, run: finish },
  killFinish: { weight: 0.7, run: killFinish },
  completeIn: { weight: 5, run: completeIn },
};
