import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { ClaimedRun, TakenRun, WorkerEngine } from '../../lib/engine/worker-engine.interface.js';
import type { RunExecutor } from '../../lib/runtime/run-executor.js';
import { TakenRuns } from '../../lib/runtime/taken-runs.js';
import { RecordingLogger } from '../support/application.js';
import { claimedRun } from '../support/fake-engine.js';
import { deferred } from '../support/signals.js';

let taken: TakenRuns;

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  taken.stop();
  vi.useRealTimers();
});

/** An executor that holds runs, and which of them it was told were taken. */
function holding(open: ClaimedRun[]) {
  const lost: string[] = [];
  const executor = {
    open: () => open,
    taken: (runs: TakenRun[]) => lost.push(...runs.map(({ key }) => key)),
  } as unknown as RunExecutor;
  return { executor, lost };
}

function asking(runsTaken: WorkerEngine['runsTaken'], executors: [number, RunExecutor][]): TakenRuns {
  return new TakenRuns({ engine: { runsTaken }, executors: () => executors, log: new RecordingLogger() });
}

it('however many runs a process holds, one that was cancelled is found within a second, by questions of a bounded size', async () => {
  const { executor, lost } = holding(Array.from({ length: 2_500 }, (_, i) => claimedRun(String(i))));
  const sizes: number[] = [];
  taken = asking(
    async (_, runs) => {
      sizes.push(runs.length);
      return runs.filter(({ key }) => key === '2400').map((run) => ({ ...run, state: 'x', why: null }));
    },
    [[1, executor]],
  );
  taken.start();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(lost).toEqual(['2400']);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(1_000);
});

it('what is told while a question is under way is asked for once that is answered', async () => {
  const open = [claimedRun('1')];
  const { executor, lost } = holding(open);
  const first = deferred<TakenRun[]>();
  const answers = [first.promise];
  const asked: string[] = [];
  taken = asking(async (_, runs) => {
    asked.push(runs.map(({ key }) => key).join());
    return answers.shift() ?? runs.map((run) => ({ ...run, state: 'x', why: null }));
  }, []);
  taken.told(1, executor);
  open.push(claimedRun('2'));
  // once for both
  taken.told(1, executor);
  taken.told(1, executor);
  first.resolve([]);
  await vi.advanceTimersByTimeAsync(1);
  expect([asked, lost]).toEqual([
    ['1', '1,2'],
    ['1', '2'],
  ]);
});
