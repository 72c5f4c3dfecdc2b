import { expect } from 'vitest';
import type { AddedJob } from '../../../lib/engine/job-engine.interface.js';
import { failure, type JobSpec } from '../../support/engine.js';
import { Job } from '../oracle/job.js';
import { type KeyRing, Oracle } from '../oracle/oracle.js';
import type { QueueOracle } from '../oracle/queue.js';
import type { Transaction } from '../oracle/transaction.js';
import type { Random } from '../random.js';
import { asOracle } from '../verify.js';
import type { Backend, World } from '../world.js';
import { expectBlockedBy, type Operations } from './operation.js';
import { endTransaction } from './transactions.js';

export const NAMES = ['a', 'b', 'c'];
const HOUR = 3_600_000;
const KEYS = ['k1', 'k2', 'k3', 'k4'];
const IDS = ['j1', 'j2', 'j3'];

function randomSpec(dice: Random, serial: number): JobSpec {
  const when = dice.next();
  return {
    name: dice.chance(0.7) ? 'a' : dice.pick(NAMES),
    data: `${'x'.repeat(dice.int(20))}${serial}`,
    attempts: 1 + dice.int(3),
    priority: dice.chance(0.6) ? 0 : dice.int(3),
    ...(when < 0.12 && { delay: dice.pick([0, 1, 3, 10, HOUR]) }),
    ...(when > 0.95 && { runAt: new Date(Date.now() + dice.pick([-1000, HOUR])).toISOString() }),
    ...(dice.chance(0.35) && { uniqueKey: dice.pick(KEYS) }),
    ...(dice.chance(0.12) && { jobId: dice.pick(IDS) }),
  };
}

function specText({ name, priority, delay, runAt, uniqueKey, jobId }: JobSpec): string {
  const late = runAt === undefined ? undefined : Date.parse(runAt) > Date.now() ? 'in an hour' : 'past';
  return Object.entries({ name, priority: priority || undefined, delay, runAt: late, key: uniqueKey, id: jobId })
    .flatMap(([what, value]) => (value === undefined ? [] : [`${what}=${value}`]))
    .join(' ');
}

const isDelayed = ({ delay = 0, runAt }: JobSpec): boolean =>
  delay > 0 || (runAt !== undefined && Date.parse(runAt) > Date.now());

/** What will become of one draft: the job that holds its key or id, or undefined for a new one. */
class Prediction {
  readonly existing: (Job | undefined)[] = [];
  waited = false;
  readonly #taken = new Map<string, string>();
  readonly world: World;
  readonly queue: QueueOracle;
  readonly tx: Transaction | undefined;
  /** What the transaction will have done, once the keys of the jobs are known. */
  readonly effects: { took?: string; locked?: string }[] = [];
  /** It will fail with 40001. */
  fails = false;

  constructor(world: World, queue: QueueOracle, tx: Transaction | undefined) {
    this.world = world;
    this.queue = queue;
    this.tx = tx;
  }

  /** @param blocked called with each transaction it waits for, in turn; that has ended afterwards. */
  async make(specs: readonly JobSpec[], blocked: (by: Transaction) => Promise<void>): Promise<void> {
    for (const i of inLockOrder(specs)) {
      const { uniqueKey, jobId } = specs[i]!;
      if (jobId !== undefined) this.existing[i] = await this.#take('custom_id', jobId, blocked);
      if (this.existing[i] === undefined && uniqueKey !== undefined)
        this.existing[i] = await this.#take('unique_key', uniqueKey, blocked);
      if (this.fails) return;
      if (this.existing[i] !== undefined) continue;
      if (jobId !== undefined) this.#taken.set(`custom_id ${jobId}`, String(i));
      if (uniqueKey !== undefined) this.#taken.set(`unique_key ${uniqueKey}`, String(i));
    }
  }

  async #take(ring: KeyRing, key: string, blocked: (by: Transaction) => Promise<void>): Promise<Job | undefined> {
    const { oracle } = this.world;
    const full = Oracle.key(ring, this.queue, key);
    const { snapshot } = this.tx ?? {};
    const sibling = this.#taken.get(`${ring} ${key}`);
    this.effects.push({ locked: `${ring} ${(snapshot?.current ?? oracle.current)[ring]}` });
    if (snapshot !== undefined && snapshot.moves < oracle.moves) {
      this.fails = true;
      return undefined;
    }
    if (sibling !== undefined) return siblings[Number(sibling)];
    for (;;) {
      const holder = oracle.holder(ring, this.queue, key, this.tx);
      if (holder !== undefined) return holder;
      if (snapshot !== undefined && (snapshot.generations.get(full) ?? 0) !== (oracle.generations.get(full) ?? 0)) {
        this.fails = true;
        return undefined;
      }
      const taker = oracle.taker(full, this.tx);
      if (taker === undefined) break;
      this.waited = true;
      await blocked(taker);
    }
    this.effects.push({ took: full });
    return undefined;
  }
}

/** Stands for the job of another draft of the same call. */
const siblings: Job[] = Array.from({ length: 10 }, () => ({}) as Job);

/** add_jobs() takes keys in their own order: by id, key, position. */
function inLockOrder(specs: readonly JobSpec[]): number[] {
  const last = '\u{10ffff}';
  const of = (i: number): [string, string] => [specs[i]!.jobId ?? last, specs[i]!.uniqueKey ?? last];
  const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
  return [...specs.keys()].toSorted((a, b) => compare(of(a)[0], of(b)[0]) || compare(of(a)[1], of(b)[1]) || a - b);
}

export async function addTo(
  world: World,
  dice: Random,
  queue: QueueOracle,
  backend: Backend,
  specs: JobSpec[],
  tx?: Transaction,
): Promise<boolean> {
  world.says(`add to ${queue.text}${tx === undefined ? '' : ` in ${tx.text}`}: ${specs.map(specText).join(' | ')}`);
  const prediction = new Prediction(world, queue, tx);
  const adding = backend.session.add(queue.queue, ...specs);
  adding.catch(() => undefined);
  await prediction.make(specs, async (by) => {
    await expectBlockedBy(world, backend, adding, by);
    const how = dice.pick(['commit', 'rollback', 'disconnect'] as const);
    world.came(`waits for ${by.text}: ${how}`);
    world.count('waits for a key');
    await endTransaction(world, by, how);
  });
  if (prediction.fails) {
    expect(await failure(adding), `a serialization failure in ${tx!.text}`).toBe('40001');
    world.came('40001');
    world.count('40001');
    await endTransaction(world, tx!, 'rollback');
    return true;
  }
  const added = await adding;
  world.came(added.map(({ key, existing }) => `#${key}${existing === undefined ? '' : ' (existing)'}`).join(' '));
  settle(world, queue, specs, added, prediction, tx);
  return true;
}

/** Compares what was added with the prediction, and makes it so. */
function settle(
  world: World,
  queue: QueueOracle,
  specs: JobSpec[],
  added: AddedJob[],
  prediction: Prediction,
  tx?: Transaction,
): void {
  const { oracle } = world;
  const effects = tx?.effects ?? [];
  for (const { took, locked } of prediction.effects) {
    if (took !== undefined) effects.push({ kind: 'took', key: took });
    if (locked !== undefined) effects.push({ kind: 'locked', segment: locked });
  }
  const fresh = new Map<number, Job>();
  const keyOf = (i: number): string => {
    const existing = prediction.existing[i];
    const sibling = existing === undefined ? -1 : siblings.indexOf(existing);
    return sibling >= 0 ? added[sibling]!.key : (existing?.key ?? 'a new one');
  };
  for (const [i, spec] of specs.entries()) {
    const { key, id, existing } = added[i]!;
    if (prediction.existing[i] !== undefined) {
      expect({ key, existing: existing?.key }, `the holder of what ${specText(spec)} asks for`).toEqual({
        key: keyOf(i),
        existing: keyOf(i),
      });
      expect(id).toBe(existing!.id);
      const holder = queue.jobs.get(key);
      if (
        holder !== undefined &&
        tx?.snapshot === undefined &&
        !prediction.waited &&
        holder.completedIn === undefined
      ) {
        expect(asOracle(existing!), `what is known of the holder ${holder.text}`).toEqual(holder.record);
      }
      continue;
    }
    expect(existing?.key, `${specText(spec)} should be new`).toBeUndefined();
    expect(queue.jobs.has(key), 'an id that was given before').toBe(false);
    const { name = '', attempts = 1, priority = 0, uniqueKey, jobId } = spec;
    const job = new Job(queue, {
      key,
      name,
      data: JSON.stringify(spec.data),
      attempts,
      priority,
      ...(uniqueKey !== undefined && { uniqueKey }),
      ...(jobId !== undefined && { jobId }),
    });
    expect(id).toBe(job.id);
    fresh.set(i, job);
  }
  for (const [i, job] of fresh) {
    const lane = queue.lineOf(job.name, job.priority, tx?.snapshot?.specials.get(queue.text));
    job.addedIn = tx;
    job.state = isDelayed(specs[i]!) ? 'delayed' : 'waiting';
    oracle.remember(job);
    effects.push({ kind: 'added', job, delayed: isDelayed(specs[i]!), lane });
  }
  if (tx === undefined) oracle.commit(effects);
}

async function add(world: World, dice: Random): Promise<boolean> {
  const queue = dice.pick(world.oracle.queues);
  return addTo(world, dice, queue, world.producer, [randomSpec(dice, world.serial++)]);
}

async function addBulk(world: World, dice: Random): Promise<boolean> {
  const queue = dice.pick(world.oracle.queues);
  const specs = Array.from({ length: 2 + dice.int(5) }, () => randomSpec(dice, world.serial++));
  return addTo(world, dice, queue, world.producer, specs);
}

async function addInTransaction(world: World, dice: Random): Promise<boolean> {
  const tx = dice.oneOf(world.transactions);
  if (tx === undefined) return false;
  const specs = Array.from({ length: 1 + dice.int(6) }, () => randomSpec(dice, world.serial++));
  return addTo(world, dice, dice.pick(world.oracle.queues), tx, specs, tx);
}

export const adding: Operations = {
  add: { weight: 14, run: add },
  addBulk: { weight: 5, run: addBulk },
  addInTransaction: { weight: 11, run: addInTransaction },
};
