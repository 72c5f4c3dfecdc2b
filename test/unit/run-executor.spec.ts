import { afterEach, expect, it, vi } from 'vitest';
import { Routes } from '../../lib/runtime/routes.js';
import { RunExecutor } from '../../lib/runtime/run-executor.js';
import { SuspectPlace } from '../../lib/runtime/suspect-place.js';
import { RecordingLogger } from '../support/application.js';
import { claimedRun, definition, fakeEngine, limits, noJobs } from '../support/fake-engine.js';
import { deferred } from '../support/signals.js';

afterEach(() => {
  vi.useRealTimers();
});

it('a lone result is written at once; those of the next 5 ms share a statement, and shutdown waits for none', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  const written: string[][] = [];
  const executor = new RunExecutor({
    queueId: 1,
    engine: fakeEngine({
      finish: async (_worker, _queueId, outcomes) => {
        written.push(outcomes.map(({ key }) => key));
        return [];
      },
    }),
    jobs: noJobs,
    routes: new Routes('queue', [definition(async () => undefined)]),
    limits,
    suspects: new SuspectPlace(),
    log: new RecordingLogger(),
    worker: () => 'worker',
    databaseNow: () => 0,
  });
  const taken = async (key: string): Promise<void> => {
    executor.take([claimedRun(key)]);
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
  };
  await taken('1');
  expect(written).toEqual([['1']]);
  await taken('2');
  await taken('3');
  expect(written).toEqual([['1']]);
  await vi.advanceTimersByTimeAsync(5);
  expect(written).toEqual([['1'], ['2', '3']]);
  await taken('4');
  expect(await executor.flush(1_000)).toBe(true);
  expect(written).toEqual([['1'], ['2', '3'], ['4']]);
});

it('a run that waits for its place and was cancelled is told once, and gives up a suspect’s place once', async () => {
  const gate = deferred();
  const failed: string[] = [];
  const suspects = new SuspectPlace();
  const one = definition(async () => gate.promise);
  const executor = new RunExecutor({
    queueId: 1,
    engine: fakeEngine(),
    jobs: noJobs,
    routes: new Routes('queue', [{ ...one, listeners: { ...one.listeners, failed: [({ id }) => failed.push(id)] } }]),
    limits,
    suspects,
    log: new RecordingLogger(),
    worker: () => 'worker',
    databaseNow: () => 0,
  });
  suspects.take();
  executor.take([claimedRun('1'), claimedRun('2', 1, -7)], true, [-7]);
  executor.taken([{ key: '2', run: 1, state: 'x', why: null }]);
  expect(suspects.take()).toBe(true);
  expect(executor.open(0).map(({ key }) => key)).toEqual(['1']);
  // an answer that was under way
  executor.taken([{ key: '2', run: 1, state: 'x', why: null }]);
  expect(suspects.take()).toBe(false);
  expect(failed).toEqual(['2']);
  gate.resolve();
  await executor.flush(1_000);
});
