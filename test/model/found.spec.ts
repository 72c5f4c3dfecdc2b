import { describe, expect, it } from 'vitest';
import { many, testEngine } from '../support/engine.js';
import { until } from '../support/signals.js';

const engine = testEngine();

/** Sequences that the model has found to go wrong, as it made them small. */
describe('a claim in a queue where something was cancelled, whose room ends with its window', () => {
  it.each([
    ['bytes', { maxBytes: 6 }],
    ['jobs', { want: 1 }],
  ])('leaves what arrived since to the next one: %s', async (_, room) => {
    const queue = await engine.queue();
    const worker = await engine.worker();
    const [cancelled, first, second] = await engine.main.add(queue, ...many(3, { data: 'xxxx' }));
    await engine.main.jobs.cancel(queue.name, cancelled!.id, 'not wanted');
    expect(await worker.claimKeys(queue, { want: 1 })).toEqual([first!.key]);
    const [third] = await engine.main.add(queue, { data: 'xxxx' });
    expect(await worker.claimKeys(queue, room)).toEqual([second!.key]);
    expect(await worker.claimKeys(queue)).toEqual([third!.key]);
  });

  it('leaves it to the next one when it may move no more jobs of names it does not handle', async () => {
    const queue = await engine.queue();
    const [worker, other] = [await engine.worker(), await engine.worker()];
    const [first, ...strangers] = await engine.main.add(queue, { name: 'mine' }, ...many(100, { name: 'other' }));
    expect(await worker.claimKeys(queue, { want: 1, names: ['mine'] })).toEqual([first!.key]);
    const late = await engine.main.add(queue, ...many(3, { name: 'other' }), { name: 'mine' });
    expect(await worker.claimKeys(queue, { names: ['mine'] })).toEqual([]);
    expect(await worker.claimKeys(queue, { names: ['mine'] })).toEqual([late[3]!.key]);
    expect(await other.claimKeys(queue, { names: ['other'] })).toEqual(
      [...strangers, ...late.slice(0, 3)].map(({ key }) => key),
    );
  });
});

it('a ring of keys that still drains is not rotated again', async () => {
  const queue = await engine.queue();
  await engine.main.add(queue, { uniqueKey: 'one' });
  const rotate = async () => (await engine.rows(`select ${engine.s}.rotate('unique_key', '0') as rotated`))[0].rotated;
  expect(await rotate()).toBe(true);
  expect(await rotate()).toBe(false);
  await engine.rows(`select ${engine.s}.settle('unique_key')`);
});

it('new data reaches a job that was delayed and promoted, whichever segments its two rows are in', async () => {
  const queue = await engine.queue();
  const worker = await engine.worker();
  for (const [delayed, entry] of [
    [0, 1],
    [1, 0],
  ] as const) {
    await engine.switchRing('delayed', delayed);
    await engine.switchRing('entry', entry);
    const [job] = await engine.main.add(queue, { data: 'old', delay: 1 });
    await until('it is promoted', async () => (await worker.session.work.promote(queue.id, 10)).lanes.length > 0);
    expect(await engine.main.jobs.updateData(queue.name, job!.id, '"new"')).toBe(true);
    expect((await worker.claim(queue)).runs.map(({ data }) => data)).toEqual(['"new"']);
  }
});

it('a job that was promoted and then drained does not come back as delayed when its entry is reclaimed', async () => {
  const queue = await engine.queue();
  const worker = await engine.worker();
  const [job] = await engine.main.add(queue, { uniqueKey: 'k', delay: 1 });
  await until('it is promoted', async () => (await worker.session.work.promote(queue.id, 10)).lanes.length > 0);
  await engine.main.jobs.drain(queue.name, false);
  const [{ current }] = await engine.rows(`select current from ${engine.s}.ring where ring = 'entry'`);
  await engine.switchRing('entry', (current + 1) % 3);
  const [{ became }] = await engine.rows(`select ${engine.s}.reclaim('entry', $1, 1000) as became`, [current]);
  expect(became).toBe('reclaimed');
  expect(await engine.state(queue, job!)).toBeUndefined();
  const [next] = await engine.main.add(queue, { uniqueKey: 'k' });
  expect(next!.existing).toBeUndefined();
});

it('a claim that is repeated when all it took was cancelled and reclaimed is a new one', async () => {
  const queue = await engine.queue();
  const worker = await engine.worker();
  const [job] = await engine.main.add(queue, {});
  expect(await worker.claimKeys(queue, { claimNo: 1 })).toEqual([job!.key]);
  expect(await engine.main.jobs.cancel(queue.name, job!.id, 'not wanted')).toBe('active');
  await engine.turn('entry');
  const [next] = await engine.main.add(queue, {});
  expect(await worker.claimKeys(queue, { claimNo: 1, again: true })).toEqual([next!.key]);
});
