import { expect } from 'vitest';
import { WorkerDeadError } from '../../../lib/errors/worker-dead.error.js';
import type { Hand } from '../oracle/job.js';
import { type QueueOracle, specialOf, wasLost } from '../oracle/queue.js';
import type { Random } from '../random.js';
import { runText, type Worker, type World } from '../world.js';
import { claimFrom, randomRequest } from './claiming.js';
import type { Operations } from './operation.js';

/** A worker is declared dead; its next claim says so. */
async function bury(world: World, dice: Random): Promise<boolean> {
  if (world.dead.length >= 4) return false;
  return buryOne(world, dice.pick(world.workers), dice);
}

async function buryOne(world: World, worker: Worker, dice: Random): Promise<boolean> {
  const isStale = dice.chance(0.2);
  const force = dice.chance(0.5);
  world.says(
    `declare ${worker.text} dead${force ? ' by force' : ''}${isStale ? ', by a pulse from before its last' : ''}`,
  );
  const [seen] = await world.rows('select pulse from S.workers_seen() where worker = $1', [worker.id]);
  if (isStale) expect(await worker.session.work.beat(worker.id, 0, false)).toBe(true);
  const isDead = await world.value<boolean>(world.maintenance, 'bury_worker($1, $2, $3)', [
    worker.id,
    seen.pulse,
    force,
  ]);
  expect(isDead, 'who has shown another pulse is not dead').toBe(!isStale);
  if (!isDead) return true;
  delete worker.unanswered;
  const queue = dice.pick(world.oracle.queues);
  await expect(
    worker.session.work.claim(worker.id, { queueId: queue.queue.id, ...randomRequest(dice, queue, 1_000_000) }),
    'a dead worker claims nothing',
  ).rejects.toThrow(WorkerDeadError);
  expect(await worker.session.work.beat(worker.id, 0, false)).toBe(false);
  await world.rise(worker, dice.chance(0.7) ? {} : { q1: dice.int(2), q2: dice.int(2) });
  return true;
}

function byLease(a: Hand, b: Hand): number {
  return a.run.lease.lane - b.run.lease.lane || Number(a.run.lease.n) - Number(b.run.lease.n) || a.place - b.place;
}

/** What a dead worker held goes on, as lost once or as a suspect, or is dead as stalled. */
async function recover(world: World, dice: Random): Promise<boolean> {
  const worker = dice.oneOf(world.dead.filter((dead) => world.openHands(dead).length > 0)) ?? dice.oneOf(world.dead);
  if (worker === undefined) return false;
  await recoverRuns(world, worker, dice.pick(world.oracle.queues), dice.pick([1, 500]));
  return true;
}

/** Who takes what was lost dies of it: by chance alone, hardly anything would be lost again. */
async function dieOfIt(world: World, dice: Random): Promise<boolean> {
  if (world.dead.length >= 4) return false;
  const worker = dice.oneOf(world.workers.filter(({ unanswered }) => unanswered === undefined));
  const queue = dice.oneOf(
    world.oracle.queues.filter((one) => !one.paused && one.in('waiting').some(({ lane }) => wasLost(lane))),
  );
  if (worker === undefined || queue === undefined) return false;
  const lanes = new Set(queue.in('waiting').flatMap(({ lane }) => (wasLost(lane) ? [queue.number(lane)] : [])));
  const wanted = { lanes: [...lanes], names: null, full: null, suspect: true };
  await claimFrom(world, worker, queue, dice, wanted);
  await buryOne(world, worker, dice);
  if (world.dead.includes(worker)) await recoverRuns(world, worker, queue, 500);
  return true;
}

export async function recoverRuns(world: World, worker: Worker, queue: QueueOracle, limit: number): Promise<number> {
  const hands = world.openHands(worker, queue).toSorted(byLease);
  const found = hands.slice(0, limit);
  world.says(
    `recover what ${worker.text} held of ${queue.text}, at most ${limit}: ${found.map(runText).join(' ') || 'nothing'}`,
  );
  const { rows } = await world.maintenance.session.client.query(
    `select lost, stalled, locked, more from ${world.s}.recover_runs($1, $2, '-infinity', $3)`,
    [queue.queue.id, worker.id, limit],
  );
  const most = worker.retired ? 2 : (worker.maxStalled[queue.queue.name] ?? 2);
  const expected = { lost: [] as string[], stalled: [] as string[], locked: 0, more: hands.length > limit };
  const recovered: [Hand, number][] = [];
  for (const hand of found) {
    const { job } = hand;
    const times = job.lost + (specialOf(job.lane)?.kind === 's' ? 1 : 0);
    if (job.completedIn !== undefined) expected.locked++;
    else {
      expected[times >= most ? 'stalled' : 'lost'].push(job.id);
      recovered.push([hand, times]);
    }
  }
  expect(rows[0], 'what was recovered').toEqual(expected);
  for (const [{ job }, times] of recovered) {
    const isLostAgain = wasLost(job.lane);
    queue.endRun(job, 'l', world.oracle.leaseReclaims);
    job.lost = times;
    if (times >= most) {
      const gone = times + (isLostAgain ? 2 : 1);
      queue.die(
        job,
        job.attempt,
        `The job stalled: its process was gone before it ended, ${gone} time${gone === 1 ? '' : 's'}`,
      );
      world.count('stalled');
    } else {
      job.run++;
      queue.enter(job, queue.special(isLostAgain ? 's' : 'l', job));
      world.count(isLostAgain ? 'lost again' : 'lost');
    }
  }
  return hands.length - recovered.length;
}

/** The row of a dead worker goes; when it held something still, by default rules apply to that. */
async function retire(world: World, dice: Random): Promise<boolean> {
  const worker = dice.oneOf(world.dead.filter(({ retired }) => !retired));
  if (worker === undefined) return false;
  world.says(`retire ${worker.text}`);
  await world.main.session.work.retire(worker.id);
  worker.retired = true;
  return true;
}

/** Those that hold nothing are forgotten; they may have said something late until here. */
async function forget(world: World, dice: Random): Promise<boolean> {
  const worker = dice.oneOf(world.dead.filter((dead) => world.openHands(dead).length === 0));
  if (worker === undefined) return false;
  world.says(`${worker.text} is forgotten`);
  world.dead.splice(world.dead.indexOf(worker), 1);
  return true;
}

async function beat(world: World, dice: Random): Promise<boolean> {
  const worker = dice.pick(world.workers);
  world.says(`beat ${worker.text}`);
  expect(await worker.session.work.beat(worker.id, worker.hands.length, false)).toBe(true);
  return true;
}

export const dying: Operations = {
  bury: { weight: 2, run: bury },
  dieOfIt: { weight: 6, run: dieOfIt },
  recover: { weight: 4, run: recover },
  retire: { weight: 0.5, run: retire },
  forget: { weight: 1, run: forget },
  beat: { weight: 1.5, run: beat },
};
