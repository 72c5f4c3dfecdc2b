import { expect, it } from 'vitest';
import type { ActiveJob } from '../../lib/index.js';
import { testDatabase } from '../support/database.js';
import { ended, newQueue, processor, testApplications } from '../support/running.js';
import { until } from '../support/signals.js';

// what README.md shows under "Looking after jobs"

const database = testDatabase();
const start = testApplications(database);

it('a cancelled job never begins, is kept as failed with the reason, and runs when it is retried', async () => {
  const name = newQueue();
  const { queue } = await start({ options: { processing: false } });
  const waiting = await queue(name).add('n', null);
  const delayed = await queue(name).add('n', null, { delay: '1h' });
  expect(await waiting.cancel('withdrawn')).toBe(true);
  expect(await delayed.cancel()).toBe(true);
  const ran: string[] = [];
  await start({ providers: [processor(name, ({ id }) => void ran.push(id))] });
  await ended(queue(name), await queue(name).add('n', null));
  expect(ran).not.toContain(waiting.id);
  const kept = await queue(name).getJobs('failed', 0, 19, true);
  expect(kept.map(({ id, failedReason }) => [id, failedReason])).toEqual([
    [waiting.id, 'withdrawn'],
    [delayed.id, 'cancelled'],
  ]);
  await kept[0]!.retry();
  await until('it to run', () => ran.includes(waiting.id));
  expect(await (await ended(queue(name), waiting)).getState()).toBe('completed');
});

it('a promoted job runs now, and changed data and priority are the next attempt’s', async () => {
  const name = newQueue();
  const { queue } = await start({ options: { processing: false } });
  const first = await queue(name).add('n', 'first');
  await queue(name).add('n', 'second');
  const delayed = await queue(name).add('n', 'delayed', { delay: '1h' });
  await delayed.promote();
  await first.changePriority(5);
  await delayed.updateData('promoted');
  expect([await first.getState(), await delayed.getState()]).toEqual(['waiting', 'waiting']);
  const ran: unknown[] = [];
  const handler = processor(name, ({ data }: ActiveJob) => void ran.push(data), { concurrency: 1 });
  await start({ providers: [handler] });
  await until('all to run', () => ran.length === 3);
  expect(ran).toEqual(['second', 'promoted', 'first']);
});

it('what was drained is gone, and frees its key; what was cleaned is gone, by its id', async () => {
  const name = newQueue();
  const { queue } = await start({ options: { processing: false } });
  const waiting = await queue(name).add('n', null, { uniqueKey: 'k' });
  const delayed = await queue(name).add('n', null, { delay: '1h', uniqueKey: 'l' });
  expect(await queue(name).drain(true)).toBe(2);
  expect([await waiting.getState(), await delayed.getState()]).toEqual(['unknown', 'unknown']);
  const again = await queue(name).add('n', null, { uniqueKey: 'k' });
  expect([again.deduplicated, again.id === waiting.id]).toEqual([false, false]);
  const ran: string[] = [];
  await start({ providers: [processor(name, ({ id }) => void ran.push(id))] });
  await ended(queue(name), again);
  const mine = await queue(name).add('n', null, { jobId: 'mine' });
  await ended(queue(name), mine);
  expect(ran).toEqual([again.id, 'mine']);
  expect(await queue(name).clean('1h')).toEqual([]);
  expect(await queue(name).clean(0, 1)).toEqual([again.id]);
  expect(await queue(name).clean(0)).toEqual(['mine']);
  expect(await mine.getState()).toBe('unknown');
  // its id is free again
  expect((await queue(name).add('n', null, { jobId: 'mine' })).deduplicated).toBe(false);
});
