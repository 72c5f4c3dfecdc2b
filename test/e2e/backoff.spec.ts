import { expect, it, vi } from 'vitest';
import type { BackoffOptions, BackoffStrategy, WorkerOptions } from '../../lib/index.js';
import { RecordingLogger } from '../support/application.js';
import { testDatabase } from '../support/database.js';
import { ended, newQueue, processor, testApplications } from '../support/running.js';

const database = testDatabase();
const start = testApplications(database);

/** Runs one job that always fails; returns the gaps between its runs and what was logged. */
async function gapsOf(
  attempts: number,
  { worker = {}, job, logger }: { worker?: WorkerOptions; job?: number | BackoffOptions; logger?: RecordingLogger },
): Promise<number[]> {
  const name = newQueue();
  const starts: number[] = [];
  const handler = processor(
    name,
    () => {
      starts.push(performance.now());
      throw new Error(`failure ${starts.length}`);
    },
    worker,
  );
  const queue = (await start({ providers: [handler], options: logger ? { logger } : {} })).queue(name);
  await ended(queue, await queue.add('job', 'data', job === undefined ? { attempts } : { attempts, backoff: job }));
  return starts.slice(1).map((at, i) => at - starts[i]!);
}

/** One gap for each of these, and none is shorter. */
function atLeast(...least: number[]): unknown[] {
  return least.map((ms) => expect.toSatisfy((gap: number) => gap >= ms - 1, `at least ${ms} ms`) as unknown);
}

it('a fixed backoff waits the same each time', async () => {
  expect(await gapsOf(3, { job: { type: 'fixed', delay: 120 } })).toEqual(atLeast(120, 120));
});

it('a number is a fixed backoff', async () => {
  expect(await gapsOf(3, { job: 120 })).toEqual(atLeast(120, 120));
});

it('the job’s own backoff wins over the worker’s', async () => {
  expect(await gapsOf(2, { worker: { backoff: 1 }, job: 200 })).toEqual(atLeast(200));
  // in the time of the test: the worker's would be an hour
  expect(await gapsOf(2, { worker: { backoff: { type: 'fixed', delay: '1h' } }, job: 1 })).toEqual(atLeast(0));
});

it('maxDelay bounds what an exponential backoff grows to', async () => {
  const job = { type: 'exponential', delay: 50, maxDelay: 60 } as const;
  // without it the sum would be over 50 s: the test would time out
  expect(await gapsOf(11, { job })).toEqual(atLeast(50, 60, 60, 60, 60, 60, 60, 60, 60, 60));
});

it('jitter takes at most its share off the delay', async () => {
  expect(await gapsOf(3, { job: { type: 'fixed', delay: 200, jitter: 0.5 } })).toEqual(atLeast(100, 100));
});

it('a strategy is asked with the failed attempts, the error and the job, and its delay is waited for', async () => {
  const strategy = vi.fn<BackoffStrategy>((attemptsMade) => (attemptsMade === 1 ? 150 : '60ms'));
  expect(await gapsOf(3, { worker: { backoff: strategy } })).toEqual(atLeast(150, 60));
  const asked = strategy.mock.calls.map(([made, error, job]) => [made, (error as Error).message, job.data]);
  expect(asked).toEqual([
    [1, 'failure 1', 'data'],
    [2, 'failure 2', 'data'],
  ]);
});

it.each<{ what: string; strategy: BackoffStrategy; said: string }>([
  {
    what: 'throws',
    strategy: () => {
      throw new Error('cannot say');
    },
    said: 'cannot say',
  },
  { what: 'returns nonsense', strategy: () => 'soon' as never, said: 'soon' },
  { what: 'returns a symbol', strategy: () => Symbol('soon') as never, said: 'soon' },
  { what: 'returns a negative number', strategy: () => -5, said: '-5' },
  { what: 'returns a promise', strategy: (async () => 5) as never, said: 'Promise' },
])('a strategy that $what does not lose the job: it waits a second, and that is logged', async (given) => {
  const logger = new RecordingLogger();
  expect(await gapsOf(2, { worker: { backoff: given.strategy }, logger })).toEqual(atLeast(1000));
  expect(logger.texts('error').join('\n')).toContain(given.said);
});
