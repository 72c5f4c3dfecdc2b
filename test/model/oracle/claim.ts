import type { ClaimRequest } from '../../../lib/engine/worker-engine.interface.js';
import { byPlace, type Job } from './job.js';
import { type Lane, type QueueOracle, specialOf } from './queue.js';

/** What a claim will do. */
export interface ClaimPlan {
  /** In the order in which they are handed out. */
  readonly taken: Job[];
  /** To the lanes of their names. */
  readonly moved: Job[];
  readonly lanes: Lane[];
  /** Lanes that it leaves with jobs this worker could have had. */
  readonly open: string[];
  /** Names of which runs that were lost once are left for places that become free. */
  readonly lost: string[];
}

const MAX_MOVES = 100;

/** Follows claim(): lanes by priority, in a lane the rest of its window and then the next one, names, bytes, suspects, places. */
export function planClaim(queue: QueueOracle, request: Omit<ClaimRequest, 'queueId'>): ClaimPlan {
  const plan: ClaimPlan = { taken: [], moved: [], lanes: [], open: [], lost: [] };
  if (queue.paused) return plan;
  const { names, full, places } = request;
  const handles = (name: string): boolean => (names === null || names.includes(name)) && !full?.includes(name);
  const mine = lanesOf(queue, request).filter((lane) => {
    const special = specialOf(lane);
    return special === undefined || (handles(special.name) && (request.suspect || special.kind !== 's'));
  });
  let left = request.want;
  let bytes = request.maxBytes;
  let moves = MAX_MOVES;
  let suspect = false;
  for (const name of mine) {
    const special = specialOf(name);
    const isSuspect = special?.kind === 's';
    const forPlaces = special?.kind === 'l' && places !== null;
    if (isSuspect && suspect) continue;
    const lane = queue.lane(name);
    let { window, arrived } = { window: [...lane.window], arrived: [...lane.arrived] };
    let room = isSuspect ? Math.min(1, left) : left;
    // the places are also those of what was taken before
    if (forPlaces) room = Math.max(0, Math.min(left, (places[special.name] ?? places['']!) - (request.want - left)));
    const before = room;
    for (let opened = false; ; opened = true) {
      while (window.length > 0 && room > 0 && bytes > 0 && moves > 0) {
        const job = window.shift()!;
        if (handles(job.name)) {
          plan.taken.push(job);
          room--;
          bytes -= job.size;
        } else {
          plan.moved.push(job);
          moves--;
        }
      }
      if (room <= 0 || bytes <= 0 || moves <= 0 || opened) break;
      window = arrived.toSorted(byPlace);
      arrived = [];
    }
    left -= before - room;
    if (isSuspect && room === 0) suspect = true;
    plan.lanes.push({ name, window, arrived });
    if (isSuspect || window.length + arrived.length === 0) continue;
    if (forPlaces) plan.lost.push(special.name);
    else plan.open.push(name);
  }
  return plan;
}

function lanesOf(queue: QueueOracle, { lanes, claimNo }: Omit<ClaimRequest, 'queueId'>): string[] {
  const names = [...queue.lanes.values()]
    .filter(({ window, arrived }) => window.length + arrived.length > 0)
    .map(({ name }) => name);
  if (lanes === null) return queue.inOrder(names, claimNo);
  return lanes.flatMap((number) => names.find((name) => queue.number(name) === number) ?? []);
}

/** Makes the plan true, but for the hands. */
export function applyClaim(queue: QueueOracle, plan: ClaimPlan): void {
  for (const { name, window, arrived } of plan.lanes) Object.assign(queue.lane(name), { window, arrived });
  for (const job of plan.taken) job.state = 'active';
  for (const job of plan.moved) {
    job.run++;
    queue.enter(job, queue.special('n', job));
  }
}
