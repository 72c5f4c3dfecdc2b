import { expect } from 'vitest';
import type { Random } from '../random.js';
import { type Backend, type World } from '../world.js';
import type { Transaction } from '../oracle/transaction.js';

/** Does something to the log and to the oracle, and compares. False: there was nothing to do it to. */
export type Operation = (world: World, dice: Random) => Promise<boolean>;

/** How often an operation is chosen, beside the others. */
export interface Weighted {
  readonly weight: number;
  readonly run: Operation;
}

export type Operations = Readonly<Record<string, Weighted>>;

/** Whether a statement waits for a lock; false when it ends first. */
export async function isBlocked(world: World, { pid }: Backend, work: Promise<unknown>): Promise<number[] | false> {
  let over = false;
  const end = (): void => void (over = true);
  work.then(end, end);
  while (!over) {
    const [row] = await world.rows<{ pids: number[] }>('select pg_blocking_pids($1) as pids', [pid]);
    if (row!.pids.length > 0) return row!.pids;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return false;
}

/** Fails unless some work waits for a transaction. */
export async function expectBlockedBy(
  world: World,
  backend: Backend,
  work: Promise<unknown>,
  tx: Transaction,
): Promise<void> {
  const pids = await isBlocked(world, backend, work);
  expect(pids, `it should wait for ${tx.text}`).toContain(tx.pid);
}

/** Starts work in which another lock stands, has its connection cut when it waits for that, and lets the lock go. */
export async function cutWhenBlocked(
  world: World,
  locks: string,
  backend: Backend,
  work: () => Promise<unknown>,
): Promise<'cut' | 'not blocked'> {
  const { client } = world.blocker.session;
  await client.query(`begin; ${locks.replaceAll('S.', `${world.s}.`)}`);
  const started = work();
  started.catch(() => undefined);
  const blocked = await isBlocked(world, backend, started);
  if (blocked !== false) {
    await world.rows('select pg_terminate_backend($1)', [backend.pid]);
    await expect(started).rejects.toThrow(/terminat/);
    await world.gone(backend.pid);
  }
  await client.query('commit');
  return blocked === false ? 'not blocked' : 'cut';
}
