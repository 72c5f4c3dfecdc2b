import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Claim, OpenRun, WorkerEngine } from '../../lib/engine/worker-engine.interface.js';
import { QueueRuntime } from '../../lib/runtime/runtime.js';
import { RecordingLogger } from '../support/application.js';
import { claimed, definition, fakeEngine, FakeListener, limits, noJobs } from '../support/fake-engine.js';
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
  return new QueueRuntime({ engine, jobs: noJobs, listener, maintenance: undefined, limits, log });
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
  });
  const openRuns = async (): Promise<OpenRun[]> => [openRun('lost', 1), openRun('on its way', 2)];
  const runtime = runtimeOf(fakeEngine({ claim, finish, openRuns }));
  await runtime.start([definition(() => undefined)]);
  await vi.advanceTimersByTimeAsync(100);
  claim.mockImplementation(async () => answer.promise);
  listener.callbacks!.onListening();
  await vi.advanceTimersByTimeAsync(12_000);
  expect(claim.mock.calls.map(([, { claimNo }]) => claimNo)).toEqual([1, 2]);
  expect(finish.mock.calls.map(([, , outcomes]) => outcomes.map(({ key }) => key))).toEqual([['lost']]);
  answer.resolve(claimed());
  await runtime.stop();
});
