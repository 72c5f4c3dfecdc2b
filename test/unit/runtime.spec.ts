import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Claim, OpenRun, WorkerEngine } from '../../lib/engine/worker-engine.interface.js';
import { QueueRuntime } from '../../lib/runtime/runtime.js';
import { RecordingLogger } from '../support/application.js';
import { claimed, claimedRun, definition, fakeEngine, FakeListener, limits, noJobs } from '../support/fake-engine.js';
import { deferred } from '../support/signals.js';

let listener: FakeListener;
let log: RecordingLogger;

beforeEach(() => {
  vi.useFakeTimers();
  listener = new FakeListener();
  log = new RecordingLogger();
});

afterEach(() => {
  vi.useRealTimers();
});

function runtimeOf(engine: WorkerEngine): QueueRuntime {
  const streams = { subscribe: async () => ({ id: 1, streamId: 2, isNew: false }), heard: () => undefined };
  return new QueueRuntime({ engine, jobs: noJobs, streams, listener, maintenance: undefined, limits, log });
}

async function stop(runtime: QueueRuntime): Promise<void> {
  const stopping = runtime.stop();
  await vi.advanceTimersByTimeAsync(3_000);
  await stopping;
}

it('a run nobody knows of is handed back though a claim is under way: that one may hold its own runs only', async () => {
  const answer = deferred<Claim>();
  const finish = vi.fn<WorkerEngine['finish']>(async () => []);
  const claim = vi.fn<WorkerEngine['claim']>(async () => claimed());
  const openRun = (key: string, claimNo: number): OpenRun => ({
    queueId: 1,
    key,
    run: 1,
    lease: { lane: 0, n: '1', claimNo },
    isBatch: false,
  });
  const openRuns = async (): Promise<OpenRun[]> => [openRun('lost', 1), openRun('on its way', 2)];
  const runtime = runtimeOf(fakeEngine({ claim, finish, openRuns }));
  await runtime.start([definition(() => undefined)]);
  await vi.advanceTimersByTimeAsync(100);
  claim.mockImplementation(async () => answer.promise);
  listener.callbacks!.onListening();
  listener.callbacks!.onListening();
  await vi.advanceTimersByTimeAsync(12_000);
  expect(claim.mock.calls.map(([, { claimNo }]) => claimNo)).toEqual([1, 2]);
  expect(finish.mock.calls.map(([, , outcomes]) => outcomes.map(({ key }) => key))).toEqual([['lost']]);
  answer.resolve(claimed());
  await runtime.stop();
});

it('when it first listens, no run is looked for that nobody knows of: only a database that was away can have lost a result', async () => {
  const openRuns = vi.fn<WorkerEngine['openRuns']>(async () => []);
  const runtime = runtimeOf(fakeEngine({ openRuns }));
  await runtime.start([definition(() => undefined)]);
  listener.callbacks!.onListening();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(openRuns).not.toHaveBeenCalled();
  listener.callbacks!.onListening();
  await vi.advanceTimersByTimeAsync(12_000);
  expect(openRuns).toHaveBeenCalledTimes(1);
  await runtime.stop();
});

/** A job that waits for `gate`, in a process whose heartbeat says whether it lives. */
async function running(overrides: Partial<WorkerEngine> = {}) {
  const gate = deferred();
  const alive = { is: true };
  const said: string[] = [];
  const names = new Map<string, string>();
  const nameOf = (worker: string): string => names.get(worker)!;
  const runs = [claimedRun('1')];
  const engine = fakeEngine({
    claim: async () => claimed(runs.splice(0)),
    beat: async () => alive.is,
    limits: async () => new Map(),
    ...overrides,
    register: async (worker, ...rest) => {
      names.set(worker, ['old', 'fresh', 'another'][names.size]!);
      said.push(`register ${nameOf(worker)}`);
      await overrides.register?.(worker, ...rest);
    },
    retire: async (worker) => void said.push(`retire ${nameOf(worker)}`),
  });
  const runtime = runtimeOf(engine);
  await runtime.start([definition(async () => gate.promise)]);
  await vi.advanceTimersByTimeAsync(100);
  return { runtime, gate, alive, said };
}

it('a process that is declared dead while it drains leaves its row to whoever recovers it, and no other behind', async () => {
  const { runtime, alive, said } = await running();
  const stopped = runtime.stop();
  alive.is = false;
  await vi.advanceTimersByTimeAsync(10_000);
  await stopped;
  expect(said).toEqual(['register old']);
  expect(listener.listening).toBe(false);
  expect(log.texts('warn')).toEqual([expect.stringContaining('declared dead while it stopped')]);
});

it('a process that is stopped while it begins anew does not listen on, and leaves only the row that is to be recovered', async () => {
  const registered = deferred();
  let registrations = 0;
  const { runtime, alive, said } = await running({
    register: async () => {
      if (++registrations > 1) await registered.promise;
    },
  });
  alive.is = false;
  await vi.advanceTimersByTimeAsync(1_000);
  expect(said).toEqual(['register old', 'register fresh']);
  const stopped = runtime.stop();
  await vi.advanceTimersByTimeAsync(3_000);
  registered.resolve();
  await vi.advanceTimersByTimeAsync(1_000);
  await stopped;
  expect(listener.listening).toBe(false);
  expect(said).toEqual(['register old', 'register fresh', 'retire fresh']);
});

it('a process that is stopped while it listens under a new name listens no more', async () => {
  const { runtime, alive, said } = await running();
  const closed = deferred();
  listener.stopping = closed.promise;
  alive.is = false;
  await vi.advanceTimersByTimeAsync(1_000);
  alive.is = true;
  const stopped = runtime.stop();
  await vi.advanceTimersByTimeAsync(3_000);
  closed.resolve();
  await vi.advanceTimersByTimeAsync(1_000);
  await stopped;
  expect(listener.listening).toBe(false);
  expect(said).toEqual(['register old', 'register fresh', 'retire fresh']);
});

it('a process that could not begin anew keeps the row of the dead worker, and may be started again', async () => {
  let registrations = 0;
  const { runtime, alive, said } = await running({
    register: async () => {
      if (++registrations === 2) throw new Error('away');
    },
  });
  alive.is = false;
  await vi.advanceTimersByTimeAsync(1_000);
  const stopped = runtime.stop();
  await vi.advanceTimersByTimeAsync(3_000);
  await stopped;
  expect(said).toEqual(['register old', 'register fresh']);
  alive.is = true;
  await runtime.start([definition(() => undefined)]);
  expect(listener.listening).toBe(true);
  const again = runtime.stop();
  await vi.advanceTimersByTimeAsync(3_000);
  await again;
  expect(said.slice(2)).toEqual(['register another', 'retire another']);
});

it('a suspect whose outcome could not be written is no hindrance to another after a new start', async () => {
  const claim = vi.fn<WorkerEngine['claim']>(async () => claimed());
  claim.mockImplementationOnce(async () => claimed([claimedRun('1', 1, -7)], { suspects: [-7] }));
  const finish = vi.fn<WorkerEngine['finish']>(async () => Promise.reject(new Error('away')));
  const runtime = runtimeOf(fakeEngine({ claim, finish }));
  await runtime.start([definition(() => undefined)]);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(claim.mock.calls.at(-1)![1].suspect).toBe(false);
  const stopped = runtime.stop();
  await vi.advanceTimersByTimeAsync(20_000);
  await stopped;
  expect(log.texts('error').join()).toContain('could not be written before shutdown');
  claim.mockClear();
  await runtime.start([definition(() => undefined)]);
  await vi.advanceTimersByTimeAsync(100);
  expect(claim.mock.calls.map(([, { suspect }]) => suspect)).toEqual([true]);
  const again = runtime.stop();
  await vi.advanceTimersByTimeAsync(1_000);
  await again;
});

it('a suspect whose end cannot be written at all gives its place to the next', async () => {
  const claim = vi.fn<WorkerEngine['claim']>(async () => claimed());
  claim.mockImplementationOnce(async () => claimed([claimedRun('1', 1, -7)], { suspects: [-7] }));
  const finish = vi.fn<WorkerEngine['finish']>(async () => Promise.reject(new Error('22P05')));
  const runtime = runtimeOf(fakeEngine({ claim, finish, isDataError: () => true }));
  await runtime.start([definition(() => undefined)]);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(log.texts('error').join()).toContain('cannot be written; it runs again');
  expect(claim.mock.calls.at(-1)![1]).toMatchObject({ lanes: null, suspect: true });
  const stopped = runtime.stop();
  await vi.advanceTimersByTimeAsync(1_000);
  await stopped;
});

it('lost runs that wait for a place are asked for when one is free, with all else that waits, and not before', async () => {
  const gates = [deferred(), deferred(), deferred()];
  const answers = [claimed([claimedRun('1'), claimedRun('2')], { open: [0], lost: ['job'] })];
  const claim = vi.fn<WorkerEngine['claim']>(async () => answers.shift() ?? claimed());
  const runtime = runtimeOf(fakeEngine({ claim }));
  await runtime.start([definition(async (key) => gates[Number(key) - 1]!.promise, 2)]);
  await vi.advanceTimersByTimeAsync(100);
  expect(claim).toHaveBeenCalledTimes(1);
  expect(claim.mock.lastCall![1]).toMatchObject({ lanes: null, want: 2, places: { '': 2 } });
  answers.push(claimed([claimedRun('3')], { open: [], lost: ['job'] }));
  gates[0]!.resolve();
  await vi.advanceTimersByTimeAsync(100);
  expect(claim.mock.calls.slice(1).map(([, { lanes, want, places }]) => ({ lanes, want, places }))).toEqual([
    { lanes: null, want: 1, places: { '': 1 } },
  ]);
  // a place that stays free is offered once
  gates[1]!.resolve();
  await vi.advanceTimersByTimeAsync(100);
  expect(claim).toHaveBeenCalledTimes(3);
  gates[2]!.resolve();
  await stop(runtime);
});

it('each processor of a queue has places of its own for lost runs, and one that has none does not wait for the other', async () => {
  const gate = deferred();
  const claim = vi.fn<WorkerEngine['claim']>(async () => claimed());
  claim.mockImplementationOnce(async () => claimed([{ ...claimedRun('1'), name: 'a' }], { lost: ['a', 'c'] }));
  const runtime = runtimeOf(fakeEngine({ claim }));
  const all = definition(() => undefined, 3);
  const one = definition(async () => gate.promise);
  await runtime.start([{ ...one, handlers: new Map([['a', one.catchAll!]]), catchAll: undefined }, all]);
  await vi.advanceTimersByTimeAsync(100);
  expect(claim.mock.calls.map(([, { lanes, places }]) => ({ lanes, places }))).toEqual([
    { lanes: null, places: { '': 3, a: 1 } },
    { lanes: null, places: { '': 3, a: 0 } },
  ]);
  gate.resolve();
  await vi.advanceTimersByTimeAsync(100);
  expect(claim).toHaveBeenCalledTimes(3);
  expect(claim.mock.lastCall![1]).toMatchObject({ lanes: null, places: { '': 3, a: 1 } });
  await stop(runtime);
});
