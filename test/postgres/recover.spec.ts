import { beforeEach, describe, expect, it } from 'vitest';
import type { AddedJob } from '../../lib/engine/job-engine.interface.js';
import type { ClaimedRun } from '../../lib/engine/worker-engine.interface.js';
import {
  failure,
  type JobSpec,
  keysOf,
  many,
  outcome,
  testEngine,
  type TestQueue,
  type TestWorker,
} from '../support/engine.js';

const engine = testEngine();

/** For no lost run has the process a place. */
const NO_PLACE = { '': 0 };
/** As many as it likes. */
const PLACES = { '': 100 };

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
  return (await worker.claim(queue, { suspect: true, places: NO_PLACE })).runs;
}

/** Two processes die with all that waits; what comes back are suspects. */
async function dieTwice(): Promise<void> {
  await dying.claim(queue);
  await die(dying);
  const again = await engine.worker();
  await again.claim(queue);
  await die(again);
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

  it('leaves its unfinished runs to others, with no attempt charged', async () => {
    const added = await engine.main.add(queue, ...many(3));
    const { runs } = await dying.claim(queue);
    await dying.finish(queue, [outcome(runs[0]!)]);
    expect((await die(dying)).lost).toEqual(keysOf(added).slice(1));
    const [run] = (await other.claim(queue, { places: PLACES })).runs;
    expect(run).toMatchObject({ key: added[1]!.key, run: 2, attempt: 1 });
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

describe('runs that were lost with their process', () => {
  /** Jobs that were lost once, and wait. */
  async function lost(...specs: JobSpec[]): Promise<AddedJob[]> {
    const added = await engine.main.add(queue, ...specs);
    await dying.claim(queue);
    await die(dying);
    return added;
  }

  const laneKinds = async (): Promise<string[]> =>
    (
      await engine.rows<{ kind: string }>(
        `select l.kind::text as kind from ${engine.s}.entry e
         join ${engine.s}.lane l on l.queue_id = e.queue_id and l.lane = ${engine.s}.home_lane(e.lane)
         where e.queue_id = $1 and not exists (select from ${engine.s}.result r
           where r.queue_id = e.queue_id and r.job_id = e.job_id and r.run = e.run) order by e.job_id`,
        [queue.id],
      )
    ).map(({ kind }) => kind);

  it('run once again all at once', async () => {
    const added = await lost(...many(10));
    const { runs, suspects, lost: waiting } = await other.claim(queue, { places: { '': 10 } });
    expect(keysOf(runs)).toEqual(keysOf(added));
    expect(runs.every(({ run, attempt }) => run === 2 && attempt === 1)).toBe(true);
    expect({ suspects, waiting }).toEqual({ suspects: [], waiting: [] });
  });

  it('are not fetched ahead: a claim takes of them only as many as have a free place, and says that more wait', async () => {
    const [first, ...others] = await lost(...many(3));
    const fresh = await engine.main.add(queue, ...many(5));
    const { runs, lost: waiting, open } = await other.claim(queue, { want: 100, places: { '': 1 } });
    expect(keysOf(runs)).toEqual(keysOf([first!, ...fresh]));
    expect({ waiting, open }).toEqual({ waiting: ['job'], open: [] });
    const none = await other.claim(queue, { places: NO_PLACE });
    expect(none).toMatchObject({ runs: [], lost: ['job'], open: [] });
    const rest = await other.claim(queue, { places: PLACES });
    expect(rest.lost).toEqual([]);
    expect(keysOf(rest.runs)).toEqual(keysOf(others));
  });

  it('leave the places to what the same claim took before them', async () => {
    const [first] = await lost(...many(3));
    const fresh = await engine.main.add(queue, ...many(2));
    await other.claim(queue, { want: 0, lanes: [] });
    // on an even turn the ordinary lane comes first
    const { runs, lost: waiting } = await other.claim(queue, { want: 100, places: { '': 3 } });
    expect(keysOf(runs)).toEqual(keysOf([...fresh, first!]));
    expect(waiting).toEqual(['job']);
    expect(await other.claim(queue, { want: 0, places: PLACES })).toMatchObject({ runs: [], lost: ['job'], open: [0] });
  });

  it('have the places of their name, where that has places of its own', async () => {
    const [a, , b] = await lost({ name: 'a' }, { name: 'a' }, { name: 'b' }, { name: 'b' }, { name: 'c' });
    const places = { '': 0, a: 1, b: 1 };
    const first = await other.claim(queue, { want: 1, places });
    const second = await other.claim(queue, { want: 1, places: { '': 0, b: 1 } });
    expect(keysOf([...first.runs, ...second.runs])).toEqual(keysOf([a!, b!]));
    expect([...second.lost].toSorted()).toEqual(['a', 'b', 'c']);
  });

  it('are taken by processes that know of no places, from a lane like any other', async () => {
    const added = await lost(...many(3));
    const { runs, lost: waiting, open } = await other.claim(queue, { want: 2, places: null });
    expect(keysOf(runs)).toEqual(keysOf(added.slice(0, 2)));
    expect(waiting).toEqual([]);
    expect(open).toContain(runs[0]!.lease.lane);
    expect(await other.claimKeys(queue, { places: null })).toEqual([added[2]!.key]);
  });

  it('whose name a process does not handle, or has no room for, wait for one that does', async () => {
    const [, b] = await lost({ name: 'a' }, { name: 'b' });
    const only = await other.claim(queue, { names: ['b'], places: PLACES });
    expect([keysOf(only.runs), only.lost]).toEqual([[b!.key], []]);
    const full = await other.claim(queue, { names: ['a', 'b'], full: ['a'], places: PLACES });
    expect(full).toMatchObject({ runs: [], lost: [], parked: [expect.any(Number)] });
  });

  it.each(['front', 'name'] as const)('that are handed back to the %s are what they were', async (to) => {
    await lost(...many(2));
    const { runs } = await other.claim(queue, { places: PLACES });
    await other.endAll(queue, runs, { state: 'm', to, charge: 0 });
    expect(await laneKinds()).toEqual(['l', 'l']);
    const again = await engine.worker();
    expect(await again.claim(queue, { places: { '': 1 } })).toMatchObject({ runs: [{ run: 3 }], lost: ['job'] });
    await die(again);
    expect(await laneKinds()).toEqual(['s', 'l']);
    const suspects = await claimSuspect(other);
    expect(suspects).toHaveLength(1);
    await other.endAll(queue, suspects, { state: 'm', to, charge: 0 });
    expect(await laneKinds()).toEqual(['s', 'l']);
  });

  it('and are lost a second time run alone', async () => {
    const [first] = await lost(...many(3));
    const again = await engine.worker();
    await again.claim(queue, { places: { '': 2 } });
    expect((await die(again)).stalled).toEqual([]);
    expect(await laneKinds()).toEqual(['s', 's', 'l']);
    const { runs, suspects } = await other.claim(queue, { suspect: true, places: NO_PLACE });
    expect(runs).toMatchObject([{ key: first!.key, run: 3, attempt: 1 }]);
    expect(suspects).toContain(runs[0]!.lease.lane);
  });
});

describe('suspects', () => {
  it('are taken one at a time, only by a process that asks for one', async () => {
    await engine.main.add(queue, ...many(3));
    await dieTwice();
    expect(await other.claimKeys(queue)).toEqual([]);
    const [fresh] = await engine.main.add(queue);
    const { runs, suspects } = await other.claim(queue, { suspect: true });
    expect(runs.filter(({ lease }) => suspects.includes(lease.lane))).toHaveLength(1);
    expect(keysOf(runs)).toContain(fresh!.key);
  });

  it('whose name a process does not handle wait for one that does', async () => {
    await engine.main.add(queue, { name: 'a' }, { name: 'b' });
    await dieTwice();
    const { runs } = await other.claim(queue, { suspect: true, names: ['b'] });
    expect(runs.map(({ name }) => name)).toEqual(['b']);
    expect((await other.claim(queue, { suspect: true, names: ['b'] })).runs).toEqual([]);
  });

  it('that kill their process are dead as stalled after four runs: only what was lost alone counts, and nobody beside them', async () => {
    const [killer, innocent] = await engine.main.add(queue, ...many(2));
    await dying.claim(queue);
    await die(dying);
    const second = await engine.worker();
    expect((await second.claim(queue, { places: PLACES })).runs).toMatchObject([
      { key: killer!.key, run: 2 },
      { key: innocent!.key, run: 2 },
    ]);
    expect(await die(second)).toMatchObject({ lost: [killer!.key, innocent!.key], stalled: [] });
    const third = await engine.worker();
    expect((await claimSuspect(third))[0]).toMatchObject({ key: killer!.key, run: 3 });
    expect(await die(third)).toMatchObject({ lost: [killer!.key], stalled: [] });
    const [beside] = await claimSuspect(other);
    expect(beside).toMatchObject({ key: innocent!.key, run: 3, attempt: 1 });
    await other.finish(queue, [outcome(beside!)]);
    const last = await engine.worker();
    expect((await claimSuspect(last))[0]).toMatchObject({ key: killer!.key, run: 4, attempt: 1 });
    expect(await die(last)).toMatchObject({ lost: [], stalled: [killer!.key] });
    expect(await engine.state(queue, innocent!)).toBe('completed');
    const job = await engine.main.jobs.getJob(queue.name, killer!.id);
    expect(job).toMatchObject({ state: 'failed', errors: [{ message: expect.stringMatching(/stalled.*4 times/) }] });
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
      places: null,
    });
    await engine.main.upkeep.bury(id, '9000000000000000000', false);
    expect(await engine.main.upkeep.recover(queue.id, id, true)).toMatchObject({ stalled: [added!.key] });
  });

  it('that fail stand in their ordinary lane again, for their next attempt', async () => {
    await engine.main.add(queue);
    await dieTwice();
    const [run] = await claimSuspect(other);
    await other.finish(queue, [outcome(run!, { state: 'r', to: 'home', charge: 1, error: { message: 'e' } })]);
    expect((await other.claim(queue)).runs).toMatchObject([{ key: run!.key, run: 4, attempt: 2, lease: { lane: 0 } }]);
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
