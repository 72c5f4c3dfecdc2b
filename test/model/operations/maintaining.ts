import { expect } from 'vitest';
import type { KeyRing } from '../oracle/oracle.js';
import type { Random } from '../random.js';
import { RING_NAMES, type World } from '../world.js';
import { verify } from '../verify.js';
import { observe } from '../observe.js';
import { isBlocked, type Operation, type Operations } from './operation.js';

const isKeyRing = (ring: string): ring is KeyRing => ring === 'unique_key' || ring === 'custom_id';

export async function rotateRing(world: World, ring: string): Promise<void> {
  const before = world.oracle.current[ring];
  const wasDraining = world.oracle.draining[ring];
  const rotated = await world.value<boolean>(world.maintenance, `rotate($1, interval '0')`, [ring]);
  await world.readRings();
  world.came(rotated ? `to ${world.oracle.current[ring]}` : 'no');
  expect(world.oracle.current[ring] !== before, 'whether it was rotated').toBe(rotated);
  if (!rotated) return;
  expect(wasDraining, 'a ring that drains is not rotated').toBeNull();
  world.count(`rotate ${ring}`);
  if (isKeyRing(ring)) {
    expect(world.oracle.draining[ring]).toBe(before);
    world.oracle.moves++;
  }
}

async function rotate(world: World, dice: Random): Promise<boolean> {
  const ring = dice.pick(RING_NAMES);
  world.says(`rotate ${ring}`);
  await rotateRing(world, ring);
  return true;
}

export async function settleRing(world: World, ring: KeyRing): Promise<void> {
  const draining = world.oracle.draining[ring];
  const isHeld = world.transactions.some((tx) => tx.has('locked', `${ring} ${draining}`));
  const settled = await world.value<boolean>(world.maintenance, 'settle($1)', [ring]);
  world.came(settled ? 'settled' : 'no');
  expect(settled, 'it is settled when nobody knows the old segment only').toBe(typeof draining === 'number' && !isHeld);
  if (!settled) return;
  world.count(`settle ${ring}`);
  world.oracle.moves++;
  await world.readRings();
  expect(world.oracle.draining[ring]).toBeNull();
}

async function settle(world: World, dice: Random): Promise<boolean> {
  const ring = dice.pick(['unique_key', 'custom_id'] as const);
  world.says(`settle ${ring}`);
  await settleRing(world, ring);
  return true;
}

/** What may become of a reclaim by what is known outside; 'reclaimed' must when nothing stands against it. */
function expectOutcome(world: World, ring: string, segment: number, few: number, became: string): void {
  const { oracle } = world;
  const takesRows = oracle.current[ring] === segment || oracle.draining[ring] === segment;
  expect(became === 'current', 'a segment that takes new rows stays').toBe(takesRows);
  if (became === 'busy') expect(world.transactions.length, 'transactions that keep it busy').toBeGreaterThan(0);
  if (became === 'leased') expect(ring).toBe('result');
  if (became === 'kept') expect(few).toBeLessThan(1000);
  expect(['reclaimed', 'current', 'busy', 'leased', 'kept']).toContain(became);
}

export async function reclaimSegment(world: World, ring: string, segment: number, few: number): Promise<string> {
  const wasUsed = await isUsed(world, ring, segment);
  const became = await world.value<string>(world.maintenance, 'reclaim($1, $2, $3)', [ring, segment, few]);
  await reclaimed(world, ring, segment, few, became, wasUsed);
  return became;
}

async function isUsed(world: World, ring: string, segment: number): Promise<boolean> {
  return (await world.rows('select S.segment_is_used($1, $2) as used', [ring, segment]))[0].used;
}

/** Nothing that can be seen has changed, but for completed jobs that are not kept. */
async function reclaimed(
  world: World,
  ring: string,
  segment: number,
  few: number,
  became: string,
  wasUsed: boolean,
): Promise<void> {
  const { oracle } = world;
  world.came(became);
  if (wasUsed) world.count(`reclaim ${ring}: ${became}`);
  expectOutcome(world, ring, segment, few, became);
  if (became !== 'reclaimed') return;
  oracle.moves++;
  if (ring === 'lease') oracle.leaseReclaims++;
  if (!wasUsed) return;
  expect(await isUsed(world, ring, segment), 'it is empty').toBe(false);
  if (ring === 'entry' || ring === 'delayed') await forgetCompleted(world);
  await observe(world);
  await verify(world);
}

/** Where completed jobs are not kept, they are gone with the row of their last run; when it had been delayed, with both. */
async function forgetCompleted(world: World): Promise<void> {
  for (const queue of world.oracle.queues.filter(({ forgets }) => forgets)) {
    const completed = queue.in('completed');
    const rows = await world.rows<{ key: string }>(
      `select x.key from unnest($2::text[], $3::int[]) x (key, run)
        where exists (select from S.entry e where e.queue_id = $1 and e.job_id = x.key::bigint and e.run = x.run)
           or exists (select from S.delayed e where e.queue_id = $1 and e.job_id = x.key::bigint and e.run = x.run)`,
      [queue.queue.id, completed.map(({ key }) => key), completed.map(({ run }) => run)],
    );
    const kept = new Set(rows.map(({ key }) => key));
    for (const job of completed) if (!kept.has(job.key)) job.state = 'gone';
  }
}

const randomFew = (dice: Random): number => dice.pick([0, 1, 3, 10_000, 10_000]);

async function reclaim(world: World, dice: Random): Promise<boolean> {
  const ring = dice.pick(RING_NAMES);
  const segment = (world.oracle.current[ring]! + (dice.chance(0.95) ? 1 + dice.int(2) : 0)) % 3;
  const few = randomFew(dice);
  world.says(`reclaim ${ring} ${segment} few=${few}`);
  await reclaimSegment(world, ring, segment, few);
  return true;
}

/** Rotates and reclaims all rings, in an order in which leases let results go. */
async function upkeep(world: World, dice: Random): Promise<boolean> {
  if (world.transactions.length > 0) return false;
  for (const ring of ['lease', ...dice.shuffled(RING_NAMES.filter((name) => name !== 'lease'))]) {
    world.says(`upkeep: rotate ${ring}`);
    await rotateRing(world, ring);
    if (isKeyRing(ring)) {
      world.says(`upkeep: settle ${ring}`);
      await settleRing(world, ring);
    }
    for (const next of [1, 2]) {
      const segment = (world.oracle.current[ring]! + next) % 3;
      const few = randomFew(dice);
      world.says(`upkeep: reclaim ${ring} ${segment} few=${few}`);
      await reclaimSegment(world, ring, segment, few);
    }
  }
  return true;
}

/** A reclaim that has copied its survivors and waits for the guard, while the log goes on; or whose connection is cut there. */
export function reclaimAcross(during: readonly Operation[]) {
  return async (world: World, dice: Random): Promise<boolean> => {
    if (world.transactions.length > 0) return false;
    const ring = dice.pick(RING_NAMES);
    const segment = (world.oracle.current[ring]! + 1 + dice.int(2)) % 3;
    if (!(await isUsed(world, ring, segment))) return false;
    const few = randomFew(dice);
    world.says(`reclaim ${ring} ${segment} few=${few}, and before it has the guard:`);
    const { blocker, maintenance } = world;
    await blocker.session.client.query(`begin; select pg_advisory_xact_lock_shared(${world.s}.lock_key('guard'))`);
    const reclaiming = world.value<string>(maintenance, 'reclaim($1, $2, $3)', [ring, segment, few]);
    reclaiming.catch(() => undefined);
    const isWaiting = await isBlocked(world, maintenance, reclaiming);
    if (isWaiting !== false && dice.chance(0.2)) {
      await world.rows('select pg_terminate_backend($1)', [maintenance.pid]);
      await expect(reclaiming).rejects.toThrow(/terminat/);
      await world.gone(maintenance.pid);
      await blocker.session.client.query('commit');
      world.maintenance = await world.backend();
      world.came('cut');
      world.count('reclaim cut');
      await observe(world);
      await verify(world);
      return true;
    }
    if (isWaiting !== false) {
      for (let i = 1 + dice.int(3); i > 0; i--) {
        await dice.pick(during)(world, dice);
        await observe(world);
      }
    }
    await blocker.session.client.query('commit');
    world.says(`the reclaim of ${ring} ${segment} ends`);
    const became = await reclaiming.catch((error: { code?: string }) => {
      if (error.code !== '55P03') throw error;
      return 'too busy';
    });
    if (became === 'too busy') {
      // it has asked eight times
      world.came(became);
      world.count('reclaim too busy');
      return true;
    }
    if (became === 'reclaimed') world.count('reclaim across');
    await reclaimed(world, ring, segment, few, became, true);
    return true;
  };
}

async function purgeDead(world: World, dice: Random): Promise<boolean> {
  const queue = dice.pick(world.oracle.queues);
  const limit = dice.pick([1, 1000]);
  const age = dice.pick([0, 3_600_000]);
  world.says(`purge the dead of ${queue.text}, at most ${limit}, older than ${age} ms`);
  const { jobs } = world.main.session;
  const completed = { age: queue.forgets ? 0 : 3_600_000 };
  await jobs.setRetention(queue.queue.name, { completed, failed: { age } });
  const purged = await world.value<number>(world.maintenance, 'purge_dead($1, $2)', [queue.queue.id, limit]);
  await jobs.setRetention(queue.queue.name, { completed });
  const dead = queue.in('failed').toSorted((a, b) => a.died - b.died || Number(a.key) - Number(b.key));
  expect(purged).toBe(age === 0 ? Math.min(limit, dead.length) : 0);
  for (const job of dead.slice(0, purged)) job.state = 'gone';
  return true;
}

async function purgeDrained(world: World): Promise<boolean> {
  world.says('purge the marks of what was drained');
  await world.value(world.maintenance, 'purge_drained()');
  return true;
}

async function adopt(world: World): Promise<boolean> {
  if (world.transactions.length > 0) return false;
  world.says('adopt(true)');
  expect(await world.value(world.maintenance, 'adopt(true)'), 'it is of this cluster').toBe(false);
  return true;
}

export const maintaining: Operations = {
  rotate: { weight: 6, run: rotate },
  settle: { weight: 2, run: settle },
  reclaim: { weight: 6, run: reclaim },
  upkeep: { weight: 1.2, run: upkeep },
  purgeDead: { weight: 0.5, run: purgeDead },
  purgeDrained: { weight: 0.8, run: purgeDrained },
  adopt: { weight: 0.2, run: adopt },
};
