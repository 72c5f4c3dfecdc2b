import { beforeEach, expect, it } from 'vitest';
import { outcome, many, testEngine, type TestQueue, type TestWorker } from '../support/engine.js';

const engine = testEngine();

let queue: TestQueue;
let worker: TestWorker;

beforeEach(async () => {
  queue = await engine.queue();
  worker = await engine.worker();
});

it('does not take leases with a run that has not ended, nor results before all leases that name their segment', async () => {
  await engine.main.jobs.setRetention(queue.name, { completed: { age: 0 } });
  await engine.main.add(queue, ...many(2));
  const { runs } = await worker.claim(queue);
  await worker.finish(queue, [outcome(runs[0]!)]);
  expect(await engine.turn('result')).toBe('leased');
  expect(await engine.turn('lease')).toBe('reclaimed');
  expect(await engine.turn('entry')).toBe('reclaimed');
  // a finish that is repeated, because its answer was lost, is still recognised
  expect(await worker.finish(queue, [outcome(runs[0]!, { state: 'r', to: 'home', charge: 1 })], true)).toEqual([
    { key: runs[0]!.key, run: 1, state: 'c' },
  ]);
  await worker.finish(queue, [outcome(runs[1]!)]);
  expect(await engine.turn('lease')).toBe('reclaimed');
  await engine.turn('entry');
  expect(await engine.main.upkeep.reclaim('result', 0)).toBe('reclaimed');
  const left = await engine.rows(`select job_id from ${engine.s}.result where queue_id = $1`, [queue.id]);
  expect(left).toEqual([]);
  // its lease is gone by now, and so it is refused
  expect(await worker.finish(queue, [outcome(runs[1]!)], true)).toEqual([{ key: runs[1]!.key, run: 1, state: null }]);
});
