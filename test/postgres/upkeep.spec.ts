import { beforeEach, describe, expect, it } from 'vitest';
import type { RotationLimits } from '../../lib/engine/maintenance-engine.interface.js';
import { Upkeep } from '../../lib/runtime/upkeep.js';
import { SILENT } from '../../lib/utils/log.js';
import { many, testEngine, type TestQueue, type TestWorker } from '../support/engine.js';
import { until } from '../support/signals.js';

const engine = testEngine();
const NEVER: RotationLimits = { rows: 1e9, bytes: 1e12, age: 1e9 };

let queue: TestQueue;
let worker: TestWorker;

beforeEach(async () => {
  queue = await engine.queue();
  worker = await engine.worker();
});

/** The rings that are due to be rotated. */
async function due(limits: Partial<RotationLimits>): Promise<string[]> {
  const tasks = await engine.main.upkeep.dueTasks({ ...NEVER, ...limits });
  return tasks.flatMap((one) => (one.task === 'rotate' ? [one.ring] : []));
}

describe('a ring is rotated', () => {
  it('when its segment is old, and holds anything', async () => {
    await engine.main.add(queue);
    await engine.rows(
      `update ${engine.s}.ring_switch set switched_at = now() - interval '1 hour' where ring in ('entry', 'delayed')`,
    );
    expect(await due({ age: 2 * 3_600_000 })).toEqual([]);
    expect(await due({ age: 1_800_000 })).toEqual(['entry']);
  });

  it('when it has many rows, or bytes', async () => {
    await engine.main.add(queue, ...many(500));
    await until('the statistics to count them', async () => (await due({ rows: 400 })).includes('entry'));
    expect(await due({ rows: 1_000_000 })).toEqual([]);
    expect(await due({ bytes: 16_384 })).toContain('entry');
  });

  it('only while another segment is empty: otherwise the current one grows', async () => {
    for (const segment of [0, 1, 2]) {
      await engine.switchRing('entry', segment);
      await engine.main.add(queue, {}, { uniqueKey: `k${segment}` });
    }
    expect(await due({ bytes: 1 })).not.toContain('entry');
    expect(await engine.main.upkeep.rotate('entry')).toBe(false);
  });
});

describe('upkeep', () => {
  it('is done by one process at a time; the others find it under way', async () => {
    const other = await engine.session();
    await other.client.query('begin');
    await other.client.query(`select pg_advisory_xact_lock(${engine.s}.lock_key('upkeep'))`);
    const { upkeep } = engine.main;
    const [{ current }] = await engine.rows(`select current from ${engine.s}.ring where ring = 'pulse'`);
    expect([await upkeep.rotate('pulse'), await upkeep.reclaim('pulse', current), await upkeep.take('dead')]).toEqual([
      false,
      'elsewhere',
      false,
    ]);
    await other.client.query('rollback');
    expect([await upkeep.rotate('pulse'), await upkeep.reclaim('pulse', current), await upkeep.take('dead')]).toEqual([
      true,
      'reclaimed',
      true,
    ]);
    // just done
    expect(await upkeep.take('dead')).toBe(false);
  });

  it('by itself empties a log whose jobs have ended and are not kept, while new ones come', async () => {
    await engine.rows(
      `update ${engine.s}.queue set settings = '{"retention": {"completed": {"age": 0}, "failed": {"age": 0}}}'`,
    );
    const session = await engine.session();
    const upkeep = new Upkeep(
      { engine: session.upkeep, log: SILENT, onStalled: () => undefined },
      { rows: 1e9, bytes: 1e12, age: 0 },
      50,
    );
    await engine.main.add(queue, ...many(300), { uniqueKey: 'k' }, { jobId: 'an id' });
    for (let all = false; !all;) {
      const { runs } = await worker.claim(queue, { want: 100 });
      await worker.endAll(queue, runs.slice(1));
      await worker.endAll(queue, runs.slice(0, 1), { state: 'f', reason: 'exhausted' });
      all = runs.length === 0;
    }
    // what was closed a moment ago is left alone for some seconds
    const impatient = setInterval(() => {
      void engine.rows(
        `update ${engine.s}.segment set look_at = now() - interval '1 second' where look_at is not null`,
      );
      void engine.rows(`update ${engine.s}.upkeep set done_at = '-infinity'`);
    }, 100);
    upkeep.start();
    try {
      await until(
        'all to be gone',
        async () => {
          const [{ n }] = await engine.rows(
            `select (select count(*) from ${engine.s}.entry where queue_id = $1) + (select count(*) from ${engine.s}.result where queue_id = $1)
              + (select count(*) from ${engine.s}.dead where queue_id = $1) + (select count(*) from ${engine.s}.unique_key where queue_id = $1)
              + (select count(*) from ${engine.s}.custom_id where queue_id = $1) as n`,
            [queue.id],
          );
          return Number(n) === 0;
        },
        15_000,
      );
    } finally {
      clearInterval(impatient);
      await upkeep.stop();
    }
    const [added] = await engine.main.add(queue);
    expect(await worker.claimKeys(queue)).toEqual([added!.key]);
  });
});
