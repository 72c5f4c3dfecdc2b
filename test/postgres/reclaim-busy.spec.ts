import { beforeEach, describe, expect, it } from 'vitest';
import { testEngine, type TestQueue, type TestWorker } from '../support/engine.js';

const engine = testEngine();

let queue: TestQueue;
let worker: TestWorker;

beforeEach(async () => {
  queue = await engine.queue();
  worker = await engine.worker();
});

/** Rotates the entries; the segment that was current. */
async function rotated(): Promise<number> {
  const [{ current }] = (await engine.rows(`select current from ${engine.s}.ring where ring = 'entry'`)) as [
    { current: number },
  ];
  await engine.rows(`select ${engine.s}.rotate('entry', interval '0')`);
  return current;
}

describe('reclaiming a segment that somebody holds', () => {
  it('waits for a producer who still writes to it: what he adds is not truncated (trap 5)', async () => {
    const producer = await engine.session();
    await engine.main.add(queue);
    const [late] = await producer.begin(queue);
    const current = await rotated();
    expect(await engine.main.upkeep.reclaim('entry', current)).toBe('busy');
    await producer.commit();
    expect(await engine.main.upkeep.reclaim('entry', current)).toBe('reclaimed');
    expect(await worker.claimKeys(queue)).toContain(late!.key);
  });

  it('waits for a claim that is under way, whose snapshot would miss the copies (trap 4)', async () => {
    const [added] = await engine.main.add(queue);
    const current = await rotated();
    const { client } = worker.session;
    await client.query('begin');
    await client.query(`select pg_advisory_xact_lock_shared(${engine.s}.lock_key('guard'))`);
    expect(await engine.main.upkeep.reclaim('entry', current)).toBe('busy');
    await client.query('commit');
    expect(await engine.main.upkeep.reclaim('entry', current)).toBe('reclaimed');
    expect(await worker.claimKeys(queue)).toEqual([added!.key]);
  });

  it('is put off by whoever reads it for long, and no claim waits for that', async () => {
    await engine.main.add(queue);
    const reader = await engine.session();
    await reader.client.query(`begin; select count(*) from ${engine.s}.entry`);
    const current = await rotated();
    expect(await engine.main.upkeep.reclaim('entry', current)).toBe('busy');
    expect((await worker.claim(queue)).runs).toHaveLength(1);
    await reader.client.query('commit');
    expect(await engine.main.upkeep.reclaim('entry', current)).toBe('reclaimed');
  });
});
