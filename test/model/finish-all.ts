import { expect } from 'vitest';
import { Random } from './random.js';
import { again } from './operations/claiming.js';
import { applyClaim, planClaim } from './oracle/claim.js';
import { makeDue, promoteDue } from './operations/controlling.js';
import { recoverRuns } from './operations/dying.js';
import { endRun } from './operations/finishing.js';
import { maintaining } from './operations/maintaining.js';
import { endTransaction } from './operations/transactions.js';
import { observe } from './observe.js';
import { outcome } from '../support/engine.js';
import type { QueueOracle } from './oracle/queue.js';
import { verify } from './verify.js';
import type { Worker, World } from './world.js';

/** Ends what is open, resumes, and claims and completes until nothing is left: each job reached exactly one end. */
export async function finishAll(world: World): Promise<void> {
  for (const tx of world.transactions.slice()) await endTransaction(world, tx, 'commit');
  await observe(world);
  for (const worker of world.workers) {
    if (worker.unanswered !== undefined) await again(world, worker);
    await observe(world);
  }
  for (const queue of world.oracle.queues) {
    for (const worker of world.dead)
      expect(await recoverRuns(world, worker, queue, 500), 'runs that could not be recovered').toBe(0);
    if (queue.paused) await world.control.session.jobs.setPaused(queue.queue.name, (queue.paused = false));
    await observe(world);
    while (await promoteDue(world, queue, 100));
    await observe(world);
    for (const job of queue.in('delayed')) {
      expect(await world.control.session.jobs.promote(queue.queue.name, job.key)).toBe(true);
      makeDue(job);
    }
    await observe(world);
    for (const worker of world.workers) await completeHands(world, worker, queue);
    await claimAll(world, queue);
    expect([...queue.jobs.values()].filter(({ alive }) => alive)).toEqual([]);
  }
  await observe(world);
  await verify(world);
  for (let i = 0; i < 2; i++) {
    await maintaining['upkeep']!.run(world, new Random(i));
    await verify(world);
  }
}

async function completeHands(world: World, worker: Worker, queue: QueueOracle): Promise<void> {
  const hands = world.openHands(worker, queue);
  if (hands.length === 0) return;
  expect(
    await worker.session.work.finish(
      worker.id,
      queue.queue.id,
      hands.map(({ run }) => outcome(run)),
      false,
    ),
  ).toEqual([]);
  for (const hand of hands) endRun(world, hand, { text: 'completed' }, null);
}

async function claimAll(world: World, queue: QueueOracle): Promise<void> {
  const worker = world.workers[0]!;
  for (let claimNo = 2_000_000; ; claimNo++) {
    const request = {
      claimNo,
      again: false,
      want: 7,
      maxBytes: 1e9,
      lanes: null,
      names: null,
      full: null,
      suspect: true,
      places: null,
    };
    const plan = planClaim(queue, request);
    const { runs } = await worker.session.work.claim(worker.id, { queueId: queue.queue.id, ...request });
    expect(runs.map(({ key, run }) => `#${key}.${run}`)).toEqual(plan.taken.map(({ text, run }) => `${text}.${run}`));
    if (runs.length === 0) return;
    applyClaim(queue, plan);
    worker.hands.push(
      ...plan.taken.map(
        (job, place) => (job.hand = { job, worker: worker.id, run: runs[place]!, place, step: world.oracle.step }),
      ),
    );
    await completeHands(world, worker, queue);
  }
}
