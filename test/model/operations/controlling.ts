import { expect } from 'vitest';
import { Oracle } from '../oracle/oracle.js';
import { isBehind, type QueueOracle } from '../oracle/queue.js';
import { byDue, type Job } from '../oracle/job.js';
import type { Random } from '../random.js';
import { texts, type World } from '../world.js';
import { expectBlockedBy, type Operations } from './operation.js';
import { endTransaction } from './transactions.js';
import { inOrder } from '../verify.js';

type Wanted = readonly Job['state'][];

/** A job, mostly one of these states, sometimes any. */
function pickJob(world: World, dice: Random, wanted: Wanted): Job | undefined {
  const { jobs } = dice.pick(world.oracle.queues);
  const all = [...jobs.values()];
  const fitting = all.filter((job) => wanted.includes(job.state) && job.addedIn === undefined);
  return dice.chance(0.9) ? dice.oneOf(fitting) : dice.oneOf(all.slice(-30));
}

/** By its own id, if that means this job; by the number otherwise. */
function idOf(world: World, job: Job, dice: Random): string {
  if (job.jobId === undefined || dice.chance(0.5)) return job.key;
  return world.oracle.holder('custom_id', job.queue, job.jobId) === job ? job.jobId : job.key;
}

const isKnown = (job: Job): boolean => job.addedIn === undefined && job.state !== 'gone';
const stands = (job: Job): boolean => isKnown(job) && (job.state === 'waiting' || job.state === 'delayed');

/** Ends the run of a job that stands somewhere. */
function revoke(job: Job): void {
  if (job.state === 'waiting') job.queue.leave(job);
  else job.queue.endedWhileDelayed++;
}

/** One operation on one job: what it is called, which jobs it is for, and what it does. */
function onJob(wanted: Wanted, what: string, act: (world: World, job: Job, id: string, dice: Random) => Promise<void>) {
  return async (world: World, dice: Random): Promise<boolean> => {
    const job = pickJob(world, dice, wanted);
    if (job === undefined) return false;
    world.says(`${what} ${job.text} of ${job.queue.text} (${job.addedIn === undefined ? job.state : 'uncommitted'})`);
    await act(world, job, idOf(world, job, dice), dice);
    return true;
  };
}

const cancel = onJob(['waiting', 'delayed', 'active', 'active'], 'cancel', async (world, job, id, dice) => {
  const { queue } = job;
  const reason = `cancelled ${world.serial++}`;
  const cancelling = world.control.session.jobs.cancel(queue.queue.name, id, reason);
  cancelling.catch(() => undefined);
  const tx = job.state === 'active' ? job.completedIn : undefined;
  if (tx !== undefined) {
    await expectBlockedBy(world, world.control, cancelling, tx);
    const how = dice.pick(['commit', 'rollback'] as const);
    world.came(`waits for ${tx.text}: ${how}`);
    await endTransaction(world, tx, how);
  }
  const expected = isKnown(job) && job.alive ? job.state : null;
  expect(await cancelling, 'what was cancelled').toBe(expected);
  if (expected === null) return;
  if (job.state === 'active') {
    queue.endRun(job, 'x', world.oracle.leaseReclaims);
    queue.die(job, job.attempt, reason);
  } else {
    revoke(job);
    queue.die(job, job.attempt - 1, reason);
  }
});

const promoteJob = onJob(['delayed'], 'promote', async (world, job, id) => {
  const isDelayed = isKnown(job) && job.state === 'delayed';
  expect(await world.control.session.jobs.promote(job.queue.queue.name, id)).toBe(isDelayed);
  if (isDelayed) makeDue(job);
});

export function makeDue(job: Job): void {
  revoke(job);
  job.run++;
  job.queue.enter(job, job.queue.lineOf(job.name, job.priority));
}

const updateData = onJob(['waiting', 'delayed', 'active'], 'update the data of', async (world, job, id) => {
  const data = JSON.stringify(`changed ${world.serial++}`);
  if (job.state === 'active') {
    // it waits for every completion that is open
    for (const tx of world.transactions.filter(({ hasCompleted }) => hasCompleted)) {
      world.came(`${tx.text} ends first`);
      await endTransaction(world, tx, 'commit');
    }
  }
  const isAlive = isKnown(job) && job.alive;
  expect(await world.control.session.jobs.updateData(job.queue.queue.name, id, data)).toBe(isAlive);
  if (isAlive) job.data = data;
});

const changePriority = onJob(
  ['waiting', 'waiting', 'delayed'],
  'change the priority of',
  async (world, job, id, dice) => {
    const { queue } = job;
    const priority = dice.int(3);
    world.came(`to ${priority}`);
    expect(await world.control.session.jobs.changePriority(queue.queue.name, id, priority)).toBe(stands(job));
    if (!stands(job)) return;
    job.priority = priority;
    const lane = queue.lineOf(job.name, priority);
    if (job.state === 'delayed') {
      job.lane = lane;
      return;
    }
    revoke(job);
    job.run++;
    queue.enter(job, lane);
  },
);

const remove = onJob(['waiting', 'delayed', 'completed', 'failed'], 'remove', async (world, job, id) => {
  const isThere = isKnown(job) && job.state !== 'active';
  expect(await world.control.session.jobs.remove(job.queue.queue.name, id)).toBe(isThere);
  if (isThere) forget(job);
});

function forget(job: Job): void {
  if (stands(job)) revoke(job);
  else job.erased = true;
  job.state = 'gone';
}

const retryDead = onJob(['failed'], 'retry', async (world, job, id, dice) => {
  const { queue, uniqueKey } = job;
  const { oracle } = world;
  const retrying = world.control.session.jobs.retryDead(queue.queue.name, { ids: [id] });
  retrying.catch(() => undefined);
  let isDead = isKnown(job) && job.state === 'failed';
  if (isDead && uniqueKey !== undefined) {
    const full = Oracle.key('unique_key', queue, uniqueKey);
    while (oracle.holder('unique_key', queue, uniqueKey) === undefined) {
      const taker = oracle.taker(full, undefined);
      if (taker === undefined) break;
      await expectBlockedBy(world, world.control, retrying, taker);
      const how = dice.pick(['commit', 'rollback'] as const);
      world.came(`waits for ${taker.text}: ${how}`);
      await endTransaction(world, taker, how);
    }
    isDead = oracle.holder('unique_key', queue, uniqueKey) === undefined;
    if (isDead) oracle.generations.set(full, (oracle.generations.get(full) ?? 0) + 1);
  }
  expect(await retrying, 'how many were retried').toBe(isDead ? 1 : 0);
  if (isDead) rise(job);
});

function rise(job: Job): void {
  const { queue } = job;
  job.run++;
  job.attempt = 1;
  job.lost = 0;
  queue.enter(job, queue.lineOf(job.name, job.priority));
}

async function drain(world: World, dice: Random): Promise<boolean> {
  const queue = dice.pick(world.oracle.queues);
  const delayed = dice.chance(0.4);
  const gone = [...queue.waiting(), ...(delayed ? queue.in('delayed') : [])];
  world.says(`drain ${queue.text}${delayed ? ' with what is delayed' : ''} (${texts(gone)})`);
  expect(await world.control.session.jobs.drain(queue.queue.name, delayed)).toBe(gone.length);
  for (const job of gone) {
    revoke(job);
    queue.drained.add(`${job.key}.${job.run}`);
    job.state = 'gone';
  }
  return true;
}

async function pause(world: World, dice: Random): Promise<boolean> {
  const queue = dice.oneOf(world.oracle.queues.filter(({ paused }) => paused)) ?? dice.pick(world.oracle.queues);
  queue.paused = !queue.paused;
  world.says(`${queue.paused ? 'pause' : 'resume'} ${queue.text}`);
  await world.control.session.jobs.setPaused(queue.queue.name, queue.paused);
  expect(await world.control.session.jobs.isPaused(queue.queue.name)).toBe(queue.paused);
  return true;
}

async function clean(world: World, dice: Random): Promise<boolean> {
  const queue = dice.pick(world.oracle.queues);
  const state = dice.pick(['completed', 'failed'] as const);
  const limit = dice.pick([1, 2, 1000]);
  world.says(`clean ${state} of ${queue.text}, at most ${limit}`);
  const expected = inOrder(queue, state).slice(0, limit);
  const cleaned = await world.control.session.jobs.clean(queue.queue.name, 0, limit, state);
  // completed jobs that are not kept any more may stand first
  const isExact = state === 'failed' || !queue.forgets;
  expect(cleaned).toEqual((isExact ? expected : expected.slice(0, cleaned.length)).map(({ id }) => id));
  for (const job of expected.slice(0, cleaned.length)) forget(job);
  return true;
}

/** Delayed runs that are due go to their lanes: first those that have come too late for the time that was reached, then by time. */
async function promote(world: World, dice: Random): Promise<boolean> {
  const queue = dice.pick(world.oracle.queues);
  const limit = dice.pick([1, 2, 3, 100]);
  world.says(`promote what is due of ${queue.text}, at most ${limit}`);
  await promoteDue(world, queue, limit);
  return true;
}

export async function promoteDue(world: World, queue: QueueOracle, limit: number): Promise<boolean> {
  const { rows } = await world.control.session.client.query(`select more, now from ${world.s}.promote($1, $2)`, [
    queue.queue.id,
    limit,
  ]);
  const now = BigInt(Math.round(rows[0].now * 1000));
  const delayed = queue.in('delayed').toSorted(byDue);
  const late = delayed.filter((job) => isBehind(job, queue.promoted));
  const due = delayed.filter((job) => !isBehind(job, queue.promoted) && job.runAt! <= now);
  const found = await world.rows<{ key: string }>(
    'select x.key from unnest($2::text[], $3::int[]) x (key, run) where exists (select from S.entry e where e.queue_id = $1 and e.job_id = x.key::bigint and e.run = x.run)',
    [queue.queue.id, delayed.map(({ key }) => key), delayed.map(({ run }) => run)],
  );
  const promoted = new Set(found.map(({ key }) => key));
  const inTime = due.filter(({ key }) => promoted.has(key));
  world.came(texts([...late, ...inTime]));
  // those that have ended while they were delayed count as well
  expect(inTime.length).toBeLessThanOrEqual(limit);
  if (!rows[0].more) expect(inTime.length, 'all that was due').toBe(due.length);
  else expect(inTime.length).toBeGreaterThanOrEqual(Math.min(due.length, limit - queue.endedWhileDelayed));
  expect(
    found.map(({ key }) => key).toSorted(),
    'what was promoted: the late ones, and the first that are due',
  ).toEqual([...late, ...due.slice(0, inTime.length)].map(({ key }) => key).toSorted());
  const [cursor] = await world.rows(
    `select (extract(epoch from due_until) * 1000000)::bigint::text as until, pos_txid::text as txid, pos_job::text as key
       from S.lease where queue_id = $1 and lane = -2147483648 order by n desc limit 1`,
    [queue.queue.id],
  );
  if (cursor !== undefined)
    queue.promoted = { until: BigInt(cursor.until), txid: BigInt(cursor.txid), key: BigInt(cursor.key) };
  for (const job of [...late, ...inTime]) queue.enter(job, job.lane);
  return rows[0].more;
}

async function wait(world: World, dice: Random): Promise<boolean> {
  const ms = 1 + dice.int(8);
  world.says(`${ms} ms pass`);
  await new Promise((resolve) => setTimeout(resolve, ms));
  return true;
}

async function runsTaken(world: World, dice: Random): Promise<boolean> {
  const worker = dice.oneOf(world.workers.filter(({ hands }) => hands.length > 0));
  if (worker === undefined) return false;
  const { queue } = worker.hands[0]!.job;
  const hands = worker.hands.filter(({ job }) => job.queue === queue);
  world.says(`ask which runs of ${worker.text} were taken`);
  const taken = await worker.session.work.runsTaken(
    queue.queue.id,
    hands.map(({ run }) => run),
  );
  const states = new Map(taken.map(({ key, run, state }) => [`${key}:${run}`, state]));
  for (const { run, ended, job } of hands) {
    const expected =
      ended === undefined
        ? undefined
        : job.erased
          ? 'd'
          : ['x', 'l', 'd'].includes(ended.state)
            ? ended.state
            : undefined;
    const state = states.get(`${run.key}:${run.run}`);
    // results are reclaimed with their leases
    if (ended !== undefined && world.oracle.leaseReclaims > ended.reclaims && state === undefined) continue;
    expect(state, `what became of ${job.text}`).toBe(expected);
  }
  return true;
}

export const controlling: Operations = {
  cancel: { weight: 3.5, run: cancel },
  promoteJob: { weight: 2, run: promoteJob },
  updateData: { weight: 2.5, run: updateData },
  changePriority: { weight: 3, run: changePriority },
  remove: { weight: 2.5, run: remove },
  retryDead: { weight: 3.5, run: retryDead },
  drain: { weight: 0.8, run: drain },
  pause: { weight: 1.2, run: pause },
  clean: { weight: 0.4, run: clean },
  promote: { weight: 7, run: promote },
  wait: { weight: 2, run: wait },
  runsTaken: { weight: 0.7, run: runsTaken },
};
