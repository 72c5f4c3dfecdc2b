import { describe, expect, it } from 'vitest';
import { keysOf, many, type Session, testEngine, type TestQueue } from '../support/engine.js';
import { until } from '../support/signals.js';

const engine = testEngine();
const setUp = async () => ({ queue: await engine.queue(), worker: await engine.worker() });

/** An ISO time so many milliseconds from now, by the database's clock. */
async function fromNow(ms: number): Promise<string> {
  const [{ at }] = (await engine.rows<{ at: Date }>(`select clock_timestamp() + $1 * interval '1 ms' as at`, [ms])) as [
    { at: Date },
  ];
  return at.toISOString();
}

async function past(time: string): Promise<void> {
  await until(`the database's clock to pass ${time}`, async () => {
    const [row] = await engine.rows(`select clock_timestamp() > $1::timestamptz as past`, [time]);
    return row.past as boolean;
  });
}

/** Promotes until nothing is due; returns how many calls that took. */
async function promoteAll(queue: TestQueue, limit = 1000, session: Session = engine.main): Promise<number> {
  for (let calls = 1; ; calls++) {
    if (!(await session.work.promote(queue.id, limit)).more) return calls;
  }
}

const DUE = '2000-01-01T00:00:00Z';

describe('a delayed job', () => {
  it('is not promoted before it is due, and is told of as the next one', async () => {
    const { queue, worker } = await setUp();
    const runAt = await fromNow(150);
    const [added] = await engine.main.add(queue, { runAt });
    const early = await engine.main.work.promote(queue.id, 10);
    expect(early).toEqual({ lanes: [], more: false, nextDueIn: expect.any(Number) });
    expect(early.nextDueIn).toBeGreaterThan(0);
    expect(early.nextDueIn).toBeLessThanOrEqual(151);
    expect(await engine.state(queue, added!)).toBe('delayed');
    expect(await worker.claimKeys(queue)).toEqual([]);
    await past(runAt);
    expect(await engine.main.work.promote(queue.id, 10)).toEqual({ lanes: [0], more: false, nextDueIn: null });
    expect(await engine.state(queue, added!)).toBe('waiting');
    const [run] = (await worker.claim(queue)).runs;
    expect(run).toMatchObject({ key: added!.key, run: 1, attempt: 1 });
  });

  it('goes to the lane of its priority, in order of due time', async () => {
    const { queue, worker } = await setUp();
    const times = [await fromNow(60), await fromNow(30), await fromNow(45)];
    const added = await engine.main.add(queue, ...times.map((runAt) => ({ runAt })), { runAt: times[0]!, priority: 3 });
    await past(times[0]!);
    const { lanes } = await engine.main.work.promote(queue.id, 10);
    expect(lanes.toSorted((a, b) => a - b)).toEqual([0, 3]);
    const claimed = await worker.claimKeys(queue);
    // in one promotion they share a transaction: there the order is that of the ids
    expect(claimed.toSorted()).toEqual(keysOf(added).toSorted());
    expect(claimed.at(-1)).toBe(added[3]!.key);
  });

  it('that was due when it was added waits at once', async () => {
    const { queue } = await setUp();
    const [added] = await engine.main.add(queue, { runAt: DUE });
    expect(await engine.state(queue, added!)).toBe('waiting');
  });

  it('that commits late, with a due time before the cursor, is promoted', async () => {
    const { queue, worker } = await setUp();
    const slow = await engine.session();
    const soon = await fromNow(100);
    const late = await slow.begin(queue, { runAt: await fromNow(40) }, { runAt: await fromNow(60) });
    const early = await engine.main.add(queue, { runAt: soon });
    await past(soon);
    await promoteAll(queue);
    expect(await worker.claimKeys(queue)).toEqual(keysOf(early));
    await slow.commit();
    await promoteAll(queue);
    expect(await worker.claimKeys(queue)).toEqual(keysOf(late));
    await promoteAll(queue);
    expect(await worker.claimKeys(queue)).toEqual([]);
  });

  it('that commits after looks that found nothing is promoted', async () => {
    const { queue, worker } = await setUp();
    const slow = await engine.session();
    const soon = await fromNow(50);
    const late = await slow.begin(queue, { runAt: soon });
    await past(soon);
    for (let i = 0; i < 3; i++) await promoteAll(queue);
    await slow.commit();
    await promoteAll(queue);
    expect(await worker.claimKeys(queue)).toEqual(keysOf(late));
  });
});

describe('promotion', () => {
  it('with a limit loses and repeats nothing among equal due times', async () => {
    const { queue, worker } = await setUp();
    const runAt = await fromNow(100);
    const added = await engine.main.add(queue, ...many(200, { runAt }));
    await past(runAt);
    expect(await promoteAll(queue, 50)).toBeGreaterThanOrEqual(4);
    expect(await worker.claimKeys(queue)).toEqual(keysOf(added));
  });

  it('with a limit takes up late arrivals on either side of the place where it stopped', async () => {
    const { queue, worker } = await setUp();
    const slow = await engine.session();
    const runAt = await fromNow(100);
    const late = await slow.begin(queue, ...many(30, { runAt }));
    const added = await engine.main.add(queue, ...many(100, { runAt }));
    const [before] = await slow.add(queue, { runAt: await fromNow(1) });
    await past(runAt);
    await engine.main.work.promote(queue.id, 50);
    await slow.commit();
    await promoteAll(queue, 50);
    const claimed = await worker.claimKeys(queue);
    expect(claimed.toSorted()).toEqual(keysOf([...added, ...late, before!]).toSorted());
  });

  it('by several at once loses and repeats nothing, beside producers and claims', async () => {
    const { queue, worker } = await setUp();
    const added: string[] = [];
    const claimed: string[] = [];
    let over = false;
    const produce = async (session: Session) => {
      for (let i = 0; i < 40; i++) {
        const jobs = await session.begin(queue, ...many(3, { delay: Math.random() * 30 }));
        await session.client.query('select pg_sleep(random() * 0.02)');
        if (i % 7 === 6) await session.rollback();
        else {
          await session.commit();
          added.push(...keysOf(jobs));
        }
      }
    };
    const promote = async (session: Session) => {
      while (!over) await session.work.promote(queue.id, 5);
    };
    const sessions = await Promise.all(Array.from({ length: 8 }, async () => engine.session()));
    const promoting = sessions.slice(0, 3).map(promote);
    const claiming = (async () => {
      while (!over) claimed.push(...(await worker.claimKeys(queue, { want: 10 })));
    })();
    await Promise.all(sessions.slice(3).map(produce));
    await until('every delayed job to be claimed', () => claimed.length >= added.length);
    over = true;
    await Promise.all([...promoting, claiming]);
    claimed.push(...(await worker.claimKeys(queue)));
    expect(claimed.toSorted()).toEqual(added.toSorted());
  });

  it('finds delayed jobs in every segment, and deletes none of them', async () => {
    const { queue, worker } = await setUp();
    const added: string[] = [];
    const runAt = await fromNow(150);
    for (const segment of [1, 2, 0]) {
      await engine.switchRing('delayed', segment);
      added.push(...keysOf(await engine.main.add(queue, ...many(5, { runAt }))));
    }
    await past(runAt);
    await promoteAll(queue, 4);
    expect((await worker.claimKeys(queue)).toSorted()).toEqual(added.toSorted());
    const [{ kept }] = (await engine.rows(`select count(*)::int as kept from ${engine.s}.delayed where queue_id = $1`, [
      queue.id,
    ])) as [{ kept: number }];
    expect(kept).toBe(15);
  });
});
