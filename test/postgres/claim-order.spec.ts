import { describe, expect, it } from 'vitest';
import { keysOf, many, testEngine } from '../support/engine.js';

const engine = testEngine();
const setUp = async () => ({ queue: await engine.queue(), worker: await engine.worker() });

describe('jobs leave', () => {
  it('in the order in which they were given', async () => {
    const { queue, worker } = await setUp();
    const specs = [{ name: 'a' }, { name: 'b', timeout: 5 }, { name: 'a' }, { name: 'c' }, { name: 'b', timeout: 5 }];
    const bulk = await engine.main.add(queue, ...specs);
    const single = await engine.main.add(queue);
    const { runs } = await worker.claim(queue);
    expect(keysOf(runs)).toEqual(keysOf([...bulk, ...single]));
    expect(runs.map(({ name }) => name)).toEqual(['a', 'b', 'a', 'c', 'b', 'job']);
  });

  it('in the order in which their transactions began, whichever committed first', async () => {
    const { queue, worker } = await setUp();
    const slow = await engine.session();
    const first = await slow.begin(queue);
    const second = await engine.main.add(queue);
    const third = await slow.add(queue);
    await slow.commit();
    expect(await worker.claimKeys(queue)).toEqual(keysOf([...first, ...third, ...second]));
  });

  it('by priority first, the lowest number before the others', async () => {
    const { queue, worker } = await setUp();
    const added = await engine.main.add(queue, ...[255, 3, 0, 7, 3].map((priority) => ({ priority })));
    const expected = [2, 1, 4, 3, 0].map((i) => added[i]!.key);
    expect(await worker.claimKeys(queue, { want: 2 })).toEqual(expected.slice(0, 2));
    const urgent = await engine.main.add(queue);
    expect(await worker.claimKeys(queue)).toEqual([...keysOf(urgent), ...expected.slice(2)]);
  });

  it('with everything that was added', async () => {
    const { queue, worker } = await setUp();
    const data = { text: 'ü "quoted" \u001f\n', list: [1, null] };
    const before = Date.now() - 60_000;
    const [added] = await engine.main.add(queue, { name: `it's; "x"`, data, priority: 2, attempts: 7, timeout: 30 });
    const { runs, at } = await worker.claim(queue);
    expect(runs).toEqual([
      expect.objectContaining({ key: added!.key, run: 1, attempt: 1, maxAttempts: 7, name: `it's; "x"`, errors: [] }),
    ]);
    expect(JSON.parse(runs[0]!.data)).toEqual(data);
    expect(runs[0]!.options).toEqual({ priority: 2, timeout: 30 });
    expect(runs[0]!.createdAt).toBe(added!.createdAt);
    expect(at).toBeGreaterThanOrEqual(added!.createdAt);
    expect(at).toBeGreaterThan(before);
  });
});

describe('one claim takes', () => {
  it('no more than it asks for, over all lanes, and says where more may be', async () => {
    const { queue, worker } = await setUp();
    const added = await engine.main.add(queue, ...many(3), ...many(3, { priority: 1 }), { priority: 2 });
    const first = await worker.claim(queue, { want: 4 });
    expect(keysOf(first.runs)).toEqual(keysOf(added.slice(0, 4)));
    expect(first.open).toEqual([1, 2]);
    const second = await worker.claim(queue, { want: 100 });
    expect(keysOf(second.runs)).toEqual(keysOf(added.slice(4)));
    expect(second.open).toEqual([]);
  });

  it('no more bytes than it may, but for a first job that is larger than that', async () => {
    const { queue, worker } = await setUp();
    const added = await engine.main.add(queue, ...many(4, { data: 'x'.repeat(1000) }), ...many(4, { priority: 1 }));
    expect(await worker.claimKeys(queue, { maxBytes: 500 })).toEqual(keysOf(added.slice(0, 1)));
    expect(await worker.claimKeys(queue, { maxBytes: 1500 })).toEqual(keysOf(added.slice(1, 3)));
    expect(await worker.claimKeys(queue, { maxBytes: 1500 })).toEqual(keysOf(added.slice(3)));
  });

  it('from the lanes it names only', async () => {
    const { queue, worker } = await setUp();
    const added = await engine.main.add(queue, {}, { priority: 1 }, { priority: 2 });
    expect(await worker.claimKeys(queue, { lanes: [2, 1] })).toEqual([added[2]!.key, added[1]!.key]);
    expect(await worker.claimKeys(queue)).toEqual([added[0]!.key]);
  });

  it('nothing from a queue that is paused, and all of it afterwards', async () => {
    const { queue, worker } = await setUp();
    const added = await engine.main.add(queue, {}, {});
    const pause = `update ${engine.s}.queue set paused = $2 where queue_id = $1`;
    await engine.rows(pause, [queue.id, true]);
    expect(await worker.claimKeys(queue)).toEqual([]);
    expect(await worker.claimKeys(queue, { lanes: [0] })).toEqual([]);
    await engine.rows(pause, [queue.id, false]);
    expect(await worker.claimKeys(queue)).toEqual(keysOf(added));
  });

  it('nothing of another queue', async () => {
    const { queue, worker } = await setUp();
    const other = await engine.queue();
    const added = await engine.main.add(other);
    expect(await worker.claimKeys(queue)).toEqual([]);
    expect(await worker.claimKeys(other)).toEqual(keysOf(added));
  });
});

describe('a run that was handed back', () => {
  it('is served first, before its lane and after more urgent ones', async () => {
    const { queue, worker } = await setUp();
    const urgent = { priority: 1 };
    const added = await engine.main.add(queue, ...many(4, { priority: 5 }));
    const { runs } = await worker.claim(queue, { want: 2 });
    await worker.endAll(queue, runs, { state: 'm', to: 'front' });
    const [first] = await engine.main.add(queue, urgent);
    const again = await worker.claim(queue);
    expect(keysOf(again.runs)).toEqual(keysOf([first!, ...added]));
    expect(again.runs.map(({ run, attempt }) => [run, attempt])).toEqual([
      [1, 1],
      [2, 1],
      [2, 1],
      [1, 1],
      [1, 1],
    ]);
  });

  it('goes back to the same front when it is handed back again', async () => {
    const { queue, worker } = await setUp();
    const [added] = await engine.main.add(queue);
    for (let run = 1; run < 4; run++) {
      const { runs } = await worker.claim(queue);
      expect(runs).toEqual([expect.objectContaining({ key: added!.key, run, attempt: 1 })]);
      await worker.endAll(queue, runs, { state: 'm', to: 'front' });
    }
    const lanes = await engine.rows(`select lane, run from ${engine.s}.entry where job_id = $1 order by run`, [
      added!.key,
    ]);
    expect(lanes.map(({ lane }) => lane)).toEqual([0, -1, -1, -1]);
  });
});
