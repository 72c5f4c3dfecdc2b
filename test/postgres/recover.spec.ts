import { beforeEach, describe, expect, it } from 'vitest';
import type { ClaimedRun } from '../../lib/engine/worker-engine.interface.js';
import { failure, keysOf, many, outcome, testEngine, type TestQueue, type TestWorker } from '../support/engine.js';

const engine = testEngine();

let queue: TestQueue;
let dying: TestWorker;
let other: TestWorker;

/** Declares a worker dead as an observer would, and recovers what it held. */
async function die(
  worker: TestWorker,
): Promise<{ lost: readonly string[]; stalled: readonly string[]; locked: number }> {
  const { upkeep } = engine.main;
  expect(await upkeep.bury(worker.id, '9000000000000000000', false)).toBe(true);
  const recent = await upkeep.recover(queue.id, worker.id, true);
  expect(await upkeep.recover(queue.id, worker.id, false)).toMatchObject({ lost: [], stalled: [] });
  return recent;
}

async function claimSuspect(worker: TestWorker): Promise<ClaimedRun[]> {
  return (await worker.claim(queue, { suspect: true })).runs;
}

beforeEach(async () => {
  queue = await engine.queue();
  dying = await engine.worker();
  other = await engine.worker();
});

describe('a dead worker', () => {
  it('is recovered by one process at a time: others see that something is left', async () => {
    await engine.main.add(queue, ...many(3));
    await dying.claim(queue);
    await engine.main.upkeep.bury(dying.id, '9000000000000000000', false);
    const another = await engine.session();
    await another.client.query('begin');
    expect((await another.upkeep.recover(queue.id, dying.id, true)).lost).toHaveLength(3);
    const nothing = { lost: [], stalled: [], more: false };
    expect(await engine.main.upkeep.recover(queue.id, dying.id, true)).toEqual({ ...nothing, locked: 1 });
    await another.client.query('commit');
    expect(await engine.main.upkeep.recover(queue.id, dying.id, true)).toEqual({ ...nothing, locked: 0 });
  });

  it('leaves its unfinished runs to others, in the suspects lane, with no attempt charged', async () => {
    const added = await engine.main.add(queue, ...many(3));
    const { runs } = await dying.claim(queue);
    await dying.finish(queue, [outcome(runs[0]!)]);
    expect((await die(dying)).lost).toEqual(keysOf(added).slice(1));
    const [suspect] = await claimSuspect(other);
    expect(suspect).toMatchObject({ key: added[1]!.key, run: 2, attempt: 1 });
  });

  it('is refused by each claim, finish and completeIn afterwards; the last in a way that fails its transaction', async () => {
    await engine.main.add(queue, ...many(2));
    const { runs } = await dying.claim(queue);
    await die(dying);
    expect(await failure(dying.claim(queue))).not.toBe('none');
    expect(await dying.finish(queue, [outcome(runs[0]!)])).toEqual([{ key: runs[0]!.key, run: 1, state: 'l' }]);
    const { client, work } = dying.session;
    await client.query('begin');
    await client.query('create temporary table effect (x int) on commit drop');
    await expect(work.completeIn(client, dying.id, queue.id, outcome(runs[1]!))).rejects.toMatchObject({
      code: 'PGQUEUE_LEASE_LOST',
    });
    expect(await failure(client.query('insert into effect values (1)'))).toBe('25P02');
    await client.query('rollback');
    expect(await work.beat(dying.id, 0, true)).toBe(false);
  });

  it('is not declared dead while its lock is held, or when it has shown a new pulse', async () => {
    const holder = await engine.session();
    await holder.client.query(`select pg_advisory_lock_shared(${engine.s}.lock_key('worker', $1))`, [dying.id]);
    expect(await engine.main.upkeep.unheld([dying.id, other.id])).toEqual(new Set([other.id]));
    expect(await engine.main.upkeep.bury(dying.id, '9000000000000000000', false)).toBe(false);
    expect(await engine.main.upkeep.bury(dying.id, '9000000000000000000', true)).toBe(true);
    const seen = (await engine.main.upkeep.workersSeen()).find(({ worker }) => worker === other.id)!;
    await other.session.work.beat(other.id, 0, true);
    expect(await engine.main.upkeep.bury(other.id, seen.pulse, false)).toBe(false);
  });

  it('whose run is being completed in an open transaction leaves that for later, and the others at once', async () => {
    const added = await engine.main.add(queue, ...many(3));
    const { runs } = await dying.claim(queue);
    const { client, work } = dying.session;
    await client.query('begin');
    await work.completeIn(client, dying.id, queue.id, outcome(runs[1]!));
    await engine.main.upkeep.bury(dying.id, '9000000000000000000', false);
    const first = await engine.main.upkeep.recover(queue.id, dying.id, true);
    expect(first).toMatchObject({ lost: [added[0]!.key, added[2]!.key], locked: 1 });
    await client.query('commit');
    expect(await engine.main.upkeep.recover(queue.id, dying.id, true)).toMatchObject({ lost: [], locked: 0 });
    expect(await engine.state(queue, added[1]!)).toBe('completed');
  });

  it('that left without a row is found as an orphan', async () => {
    await engine.main.add(queue);
    await dying.claim(queue);
    await engine.rows(`update ${engine.s}.lease_0 set at = at - interval '1 minute'`);
    expect(await engine.main.upkeep.orphans()).not.toContain(dying.id);
    await dying.session.work.retire(dying.id);
    expect(await engine.main.upkeep.orphans()).toContain(dying.id);
  });
});

describe('suspects', () => {
  it('are taken one at a time, only by a process that asks for one', async () => {
    await engine.main.add(queue, ...many(3));
    await dying.claim(queue);
    await die(dying);
    expect(await other.claimKeys(queue)).toEqual([]);
    const [fresh] = await engine.main.add(queue);
    const { runs, suspects } = await other.claim(queue, { suspect: true });
    expect(runs.filter(({ lease }) => suspects.includes(lease.lane))).toHaveLength(1);
    expect(keysOf(runs)).toContain(fresh!.key);
  });

  it('whose name a process does not handle wait for one that does', async () => {
    await engine.main.add(queue, { name: 'a' }, { name: 'b' });
    await dying.claim(queue);
    await die(dying);
    const { runs } = await other.claim(queue, { suspect: true, names: ['b'] });
    expect(runs.map(({ name }) => name)).toEqual(['b']);
    expect((await other.claim(queue, { suspect: true, names: ['b'] })).runs).toEqual([]);
  });

  it('that kill their process are dead as stalled after three runs, and what was leased beside them is not', async () => {
    const [killer, innocent] = await engine.main.add(queue, ...many(2));
    await dying.claim(queue);
    await die(dying);
    const again = await engine.worker();
    expect((await claimSuspect(again))[0]).toMatchObject({ key: killer!.key, run: 2 });
    expect(await die(again)).toMatchObject({ lost: [killer!.key], stalled: [] });
    const [beside] = await claimSuspect(other);
    expect(beside!.key).toBe(innocent!.key);
    await other.finish(queue, [outcome(beside!)]);
    const last = await engine.worker();
    expect((await claimSuspect(last))[0]).toMatchObject({ key: killer!.key, run: 3 });
    expect(await die(last)).toMatchObject({ lost: [], stalled: [killer!.key] });
    expect(await engine.state(queue, innocent!)).toBe('completed');
    const job = await engine.main.jobs.getJob(queue.name, killer!.id);
    expect(job).toMatchObject({ state: 'failed', errors: [{ message: expect.stringMatching(/stalled.*3 times/) }] });
    expect(await claimSuspect(other)).toEqual([]);
  });

  it('are dead at once where a job may not be recovered at all', async () => {
    const [added] = await engine.main.add(queue);
    const strict = await engine.session();
    const id = '00000000-0000-4000-8000-00000000abcd';
    await strict.work.register(id, {}, true, { [queue.name]: 0 });
    await strict.work.claim(id, {
      queueId: queue.id,
      claimNo: 1,
      want: 10,
      maxBytes: 1e6,
      lanes: null,
      names: null,
      again: false,
      full: null,
      suspect: false,
    });
    await engine.main.upkeep.bury(id, '9000000000000000000', false);
    expect(await engine.main.upkeep.recover(queue.id, id, true)).toMatchObject({ stalled: [added!.key] });
  });

  it('that fail stand in their ordinary lane again, for their next attempt', async () => {
    await engine.main.add(queue);
    await dying.claim(queue);
    await die(dying);
    const [run] = await claimSuspect(other);
    await other.finish(queue, [outcome(run!, { state: 'r', to: 'home', charge: 1, error: { message: 'e' } })]);
    expect((await other.claim(queue)).runs).toMatchObject([{ key: run!.key, run: 3, attempt: 2, lease: { lane: 0 } }]);
  });
});

it('a lease that was lost in a failover does not end another job that was given its place', async () => {
  await engine.main.add(queue);
  const [run] = (await dying.claim(queue)).runs;
  const earlier = { ...run!, lease: { ...run!.lease, claimNo: run!.lease.claimNo - 1 } };
  expect(await dying.finish(queue, [outcome(earlier)])).toEqual([{ key: run!.key, run: 1, state: null }]);
  const { client, work } = dying.session;
  await client.query('begin');
  await expect(work.completeIn(client, dying.id, queue.id, outcome(earlier))).rejects.toMatchObject({
    code: 'PGQUEUE_LEASE_LOST',
  });
  await client.query('rollback');
  expect(await dying.finish(queue, [outcome(run!)])).toEqual([]);
});
