import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { WorkerDeadError } from '../../lib/errors/worker-dead.error.js';
import { keysOf, many, TestWorker, testEngine, type TestQueue } from '../support/engine.js';

const engine = testEngine();
const setUp = async () => ({ queue: await engine.queue(), worker: await engine.worker() });
const leases = async (queue: TestQueue) =>
  engine.rows<{ worker: string; claim_no: string }>(
    `select * from ${engine.s}.lease where queue_id = $1 order by lane, n`,
    [queue.id],
  );

describe('a claim whose answer was lost', () => {
  it('is repeated with the same leases and runs', async () => {
    const { queue, worker } = await setUp();
    await engine.main.add(queue, ...many(3, { data: 'x' }), ...many(2, { priority: 1, timeout: 9 }));
    const lost = await worker.claim(queue, { claimNo: 7 });
    await engine.main.add(queue);
    const again = await worker.claim(queue, { claimNo: 7, again: true });
    expect(again.runs).toEqual(lost.runs);
    expect(await leases(queue)).toHaveLength(2);
  });

  it('is made when it had not reached the database', async () => {
    const { queue, worker } = await setUp();
    const added = await engine.main.add(queue);
    expect(await worker.claimKeys(queue, { claimNo: 7, again: true })).toEqual(keysOf(added));
  });

  it('is never mixed up with the same number of another worker or another queue', async () => {
    const { queue, worker } = await setUp();
    const [other, otherQueue] = [await engine.worker(), await engine.queue()];
    await engine.main.add(queue);
    await engine.main.add(otherQueue);
    expect((await other.claim(queue, { claimNo: 7 })).runs).toHaveLength(1);
    expect((await worker.claim(otherQueue, { claimNo: 7 })).runs).toHaveLength(1);
    const added = await engine.main.add(queue);
    expect(await worker.claimKeys(queue, { claimNo: 7, again: true })).toEqual(keysOf(added));
  });
});

describe('a claim is refused to a worker that', () => {
  it('is not known', async () => {
    const queue = await engine.queue();
    const stranger = new TestWorker(await engine.session());
    await engine.main.add(queue);
    await expect(stranger.claim(queue)).rejects.toThrow(WorkerDeadError);
    expect(await leases(queue)).toEqual([]);
  });

  it('was declared dead, repeated claims included', async () => {
    const { queue, worker } = await setUp();
    await engine.main.add(queue);
    await worker.claim(queue, { claimNo: 1 });
    await engine.rows(`update ${engine.s}.worker set dead = true where worker = $1`, [worker.id]);
    await expect(worker.claim(queue)).rejects.toThrow(WorkerDeadError);
    await expect(worker.claim(queue, { claimNo: 1, again: true })).rejects.toThrow(WorkerDeadError);
    expect(await worker.session.work.beat(worker.id, 0, true)).toBe(false);
  });

  it('has retired', async () => {
    const { queue, worker } = await setUp();
    expect(await worker.session.work.beat(worker.id, 0, true)).toBe(true);
    await worker.session.work.retire(worker.id);
    await expect(worker.claim(queue)).rejects.toThrow(WorkerDeadError);
    expect(await worker.session.work.beat(worker.id, 0, true)).toBe(false);
    expect(await worker.session.work.beat(randomUUID(), 0, true)).toBe(false);
  });
});

describe('a claim writes', () => {
  it('one lease for each lane it takes from, numbered without gaps, and nothing when it finds nothing', async () => {
    const { queue, worker } = await setUp();
    await worker.claim(queue);
    expect(await leases(queue)).toEqual([]);
    await engine.main.add(queue, ...many(4), { priority: 1 });
    await worker.claim(queue, { want: 2 });
    await worker.claim(queue);
    await worker.claim(queue);
    const rows = await engine.rows(
      `select lane, n, worker, job_ids from ${engine.s}.lease where queue_id = $1 order by lane, n`,
      [queue.id],
    );
    expect(rows.map(({ lane, n, job_ids }) => [lane, n, job_ids.length])).toEqual([
      [0, '1', 2],
      [0, '2', 2],
      [1, '1', 1],
    ]);
    expect(new Set(rows.map(({ worker: id }) => id))).toEqual(new Set([worker.id]));
  });

  it('its window when finding nothing was expensive: many transactions that were open have ended', async () => {
    const { queue, worker } = await setUp();
    const open = await Promise.all(Array.from({ length: 20 }, async () => engine.session()));
    for (const session of open) await session.begin(queue);
    const [first] = await engine.main.add(queue);
    expect(await worker.claimKeys(queue)).toEqual([first!.key]);
    for (const session of open) await session.rollback();
    expect(await worker.claimKeys(queue)).toEqual([]);
    const saved = await leases(queue);
    expect(saved).toHaveLength(2);
    const added = await engine.main.add(queue);
    expect(await worker.claimKeys(queue)).toEqual(keysOf(added));
  });
});

describe('lanes in use are', () => {
  it('those that hold entries, in the order of service', async () => {
    const { queue, worker } = await setUp();
    const [other] = await engine.main.add(queue, { priority: 9 }, { priority: 0 }, { priority: 255 });
    const { runs } = await worker.claim(queue, { lanes: [9] });
    expect(keysOf(runs)).toEqual([other!.key]);
    await worker.endAll(queue, runs, { state: 'm', to: 'front' });
    const [row] = await engine.rows(`select ${engine.s}.lanes_in_use($1, null, 0) as lanes`, [queue.id]);
    expect(row.lanes).toEqual([0, -10, 9, 255]);
  });
});
