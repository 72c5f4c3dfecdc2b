import { expect } from 'vitest';
import type { Claim, ClaimRequest } from '../../../lib/engine/worker-engine.interface.js';
import { applyClaim, type ClaimPlan, planClaim } from '../oracle/claim.js';
import type { Hand, Job } from '../oracle/job.js';
import type { QueueOracle } from '../oracle/queue.js';
import { specialOf } from '../oracle/queue.js';
import type { Random } from '../random.js';
import { texts, type Worker, type World } from '../world.js';
import { NAMES } from './adding.js';
import { cutWhenBlocked, type Operations } from './operation.js';

type Request = Omit<ClaimRequest, 'queueId'>;

export function randomRequest(dice: Random, queue: QueueOracle, claimNo: number): Request {
  const names = dice.chance(0.5) ? null : [...new Set([dice.pick(NAMES), ...dice.some(NAMES, 0.5)])];
  const lanes = [0, 1, 2].flatMap((lane) => [lane, -1 - lane]);
  for (const [lane, number] of queue.specials)
    if (number !== undefined && specialOf(lane) !== undefined) lanes.push(number, -1 - number);
  return {
    claimNo,
    again: false,
    want: dice.pick([1, 1, 1, 2, 2, 3, 5, 10, 100]),
    maxBytes: dice.chance(0.1) ? 1 + dice.int(60) : 1e9,
    lanes: dice.chance(0.75) ? null : dice.shuffled(dice.some(lanes, 0.6)),
    names,
    full: dice.chance(0.2) ? dice.some(names ?? NAMES, 0.4) : null,
    suspect: dice.chance(0.6),
    places: dice.chance(0.5) ? null : randomPlaces(dice),
  };
}

/** Some names have places of their own. */
function randomPlaces(dice: Random): Record<string, number> {
  return Object.fromEntries(['', ...dice.some(NAMES, 0.5)].map((name) => [name, dice.pick([0, 1, 2, 4])]));
}

function requestText({ want, maxBytes, lanes, names, full, suspect, places, claimNo }: Request): string {
  return [
    `want=${want}`,
    ...(maxBytes < 1e9 ? [`maxBytes=${maxBytes}`] : []),
    ...(lanes === null ? [] : [`lanes=${lanes.join(',')}`]),
    ...(names === null ? [] : [`names=${names.join(',')}`]),
    ...(full === null ? [] : [`full=${full.join(',')}`]),
    ...(suspect ? ['suspect'] : []),
    ...(places === null ? [] : [`places=${JSON.stringify(places)}`]),
    `(its claim ${claimNo})`,
  ].join(' ');
}

/** What of a run that was handed out can be foreseen. */
function foreseen(job: Job): object {
  const { key, run, attempt, maxAttempts, name, data, errors, queue, lane } = job;
  return { key, run, attempt, maxAttempts, name, data, errors: [...errors], lane: queue.number(lane) };
}

function handedOut(claim: Claim): object[] {
  return claim.runs.map(({ createdAt: _1, options: _2, lease, errors, ...run }) => ({
    ...run,
    errors: errors.map(({ message }) => message),
    lane: lease.lane,
  }));
}

/** Compares an answer with its plan, and puts the runs into the worker's hands. */
function settleClaim(
  world: World,
  worker: Worker,
  queue: QueueOracle,
  plan: ClaimPlan,
  claim: Claim,
  request: Request,
): Hand[] {
  world.came(texts(plan.taken) + (plan.moved.length === 0 ? '' : `, moved ${texts(plan.moved)}`));
  expect(handedOut(claim), 'what was handed out').toEqual(plan.taken.map(foreseen));
  const suspects = plan.taken.filter(({ lane }) => specialOf(lane)?.kind === 's');
  expect(suspects.length, 'suspects in one claim').toBeLessThanOrEqual(request.suspect ? 1 : 0);
  if (claim.open !== null) {
    expect(claim.open, 'lanes that hold more').toEqual(
      expect.arrayContaining(plan.open.map((lane) => queue.number(lane))),
    );
    expect([...claim.lost].toSorted(), 'names of lost runs that wait').toEqual([...new Set(plan.lost)].toSorted());
  }
  expectPlaces(plan, request);
  const places = new Map<number, number>();
  const hands = plan.taken.map((job, i) => {
    const run = claim.runs[i]!;
    const place = places.get(run.lease.lane) ?? 0;
    places.set(run.lease.lane, place + 1);
    const handedOutBefore = `${job.text}.${run.run}`;
    expect(world.handedOut.has(handedOutBefore), `${handedOutBefore} was handed out before`).toBe(false);
    world.handedOut.add(handedOutBefore);
    return (job.hand = { job, worker: worker.id, run, place, step: world.oracle.step });
  });
  applyClaim(queue, plan);
  world.count('claims');
  return hands;
}

/** Of what was lost once no more is handed out than its places have room for beside all that was handed out before it. */
function expectPlaces({ taken }: ClaimPlan, { places }: Request): void {
  if (places === null) return;
  for (const [i, { lane, name }] of taken.entries()) {
    if (specialOf(lane)?.kind !== 'l') continue;
    expect(i, `a lost run of ${name} was fetched ahead`).toBeLessThan(places[name] ?? places['']!);
  }
}

async function claimSome(world: World, dice: Random): Promise<boolean> {
  const worker = dice.pick(world.workers);
  if (worker.unanswered !== undefined) return again(world, worker);
  return claimFrom(world, worker, dice.pick(world.oracle.queues), dice);
}

/** A claim of a worker that waits for no answer. */
export async function claimFrom(
  world: World,
  worker: Worker,
  queue: QueueOracle,
  dice: Random,
  wanted: Partial<Request> = {},
): Promise<boolean> {
  const claimNo = (worker.claims.get(queue) ?? 0) + 1;
  worker.claims.set(queue, claimNo);
  const request = { ...randomRequest(dice, queue, claimNo), ...wanted };
  const isLost = dice.chance(0.12);
  world.says(`claim ${worker.text} ${queue.text} ${requestText(request)}${isLost ? ', the answer is lost' : ''}`);
  const plan = planClaim(queue, request);
  const answer = await worker.session.work.claim(worker.id, { queueId: queue.queue.id, ...request });
  const hands = settleClaim(world, worker, queue, plan, answer, request);
  worker.hands.push(...hands);
  if (isLost) worker.unanswered = { queue, request, hands };
  return true;
}

/** The claim whose answer was lost is repeated: if it was made, with the same leases, whatever has become of the queue. */
export async function again(world: World, worker: Worker): Promise<boolean> {
  const { queue, request, hands } = worker.unanswered!;
  world.says(`claim ${worker.text} ${queue.text} again ${requestText(request)}`);
  const plan = planClaim(queue, request);
  const answer = await worker.session.work.claim(worker.id, { queueId: queue.queue.id, ...request, again: true });
  delete worker.unanswered;
  const known = new Map(hands.map((hand) => [`${hand.run.key}:${hand.run.run}`, hand]));
  const isRepeated = answer.runs.length > 0 && answer.runs.every(({ key, run }) => known.has(`${key}:${run}`));
  const open = hands.filter(({ ended }) => ended === undefined);
  if (!isRepeated && open.length === 0) {
    // it was never made, or nothing of it is left
    worker.hands.push(...settleClaim(world, worker, queue, plan, answer, request));
    return true;
  }
  world.came(`the same: ${texts(hands.map(({ job }) => job))}`);
  world.count('claims repeated');
  const seen = new Set(answer.runs.map(({ key, run }) => known.get(`${key}:${run}`)!));
  expect([...seen].every(Boolean), 'a claim that is repeated hands out nothing new').toBe(true);
  expect(seen.size, 'each run once').toBe(answer.runs.length);
  for (const hand of open) expect(seen, `${hand.job.text} of the claim that is repeated`).toContain(hand);
  for (const run of answer.runs) {
    const hand = known.get(`${run.key}:${run.run}`)!;
    expect(run.lease).toEqual(hand.run.lease);
    if (hand.ended === undefined)
      expect({ data: run.data, attempt: run.attempt }).toEqual({ data: hand.job.data, attempt: hand.job.attempt });
  }
  for (const lane of new Set(hands.map(({ run }) => run.lease.lane))) {
    const of = (runs: Iterable<Hand>): string[] =>
      [...runs].filter(({ run }) => run.lease.lane === lane).map(({ job }) => job.text);
    expect(of(seen), `the order in lane ${lane}`).toEqual(of(hands.filter((hand) => seen.has(hand))));
  }
  return true;
}

const LOCKS = {
  'before it looks': `select pg_advisory_xact_lock(S.lock_key('guard'))`,
  'before it reads the queue': 'lock table S.queue in access exclusive mode',
  'before it appends its lease': 'lock table S.lease_0, S.lease_1, S.lease_2 in share mode',
  'when it moves': 'lock table S.entry_0, S.entry_1, S.entry_2 in share mode',
};

/** The connection is cut while a claim waits: nothing of it was made, and its worker repeats it. */
async function killClaim(world: World, dice: Random): Promise<boolean> {
  const worker = dice.pick(world.workers);
  if (worker.unanswered !== undefined || world.transactions.length > 0) return false;
  const queue = dice.pick(world.oracle.queues);
  const claimNo = (worker.claims.get(queue) ?? 0) + 1;
  worker.claims.set(queue, claimNo);
  const request = randomRequest(dice, queue, claimNo);
  const where = dice.pick(Object.keys(LOCKS) as (keyof typeof LOCKS)[]);
  world.says(
    `kill ${worker.text} (backend terminated in the middle of its claim of ${queue.text}, ${where}) ${requestText(request)}`,
  );
  const plan = planClaim(queue, request);
  let answer: Claim | undefined;
  const how = await cutWhenBlocked(world, LOCKS[where], worker, async () => {
    answer = await worker.session.work.claim(worker.id, { queueId: queue.queue.id, ...request });
  });
  world.count(`claim ${how}`);
  if (how === 'cut') {
    await world.reconnect(worker);
    worker.unanswered = { queue, request, hands: [] };
    world.came('cut');
    return true;
  }
  // it met no lock, or was done when that was let go
  await world.until(() => answer !== undefined);
  worker.hands.push(...settleClaim(world, worker, queue, plan, answer!, request));
  return true;
}

export const claiming: Operations = {
  claim: { weight: 20, run: claimSome },
  killClaim: { weight: 0.7, run: killClaim },
};
