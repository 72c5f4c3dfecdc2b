import { describe, expect, it } from 'vitest';
import { Bench, buffers, least } from '../support/buffers.js';
import { many, testEngine } from '../support/engine.js';

const engine = testEngine({ alone: true });

/** What a claim of `want` costs at most, when it is told its lane and when it has to find the lanes in use. */
const CLAIM = { told: 50, finding: 60 };
const PER_JOB = 3;
/** Each further lane in use. */
const PER_LANE = { told: 10, finding: 20 };

async function costsOf(bench: Bench): Promise<Record<string, number>> {
  const costs: Record<string, number> = {};
  for (const want of [1, 10, 100, 500]) {
    costs[`told ${want}`] = await bench.claim(want, [0]);
    costs[`finding ${want}`] = await bench.claim(want);
  }
  return { ...costs, 'told 0': await bench.idle([0]), 'finding 0': await bench.idle() };
}

function expectWithinBounds(costs: Record<string, number>): void {
  for (const [what, cost] of Object.entries(costs)) {
    const [how, want] = what.split(' ') as [keyof typeof CLAIM, string];
    expect(cost, what).toBeLessThanOrEqual(CLAIM[how] + PER_JOB * Number(want));
  }
}

describe('a claim', () => {
  it('touches few buffers, as many with 200,000 finished jobs before it as with 100, and after a truncation', async () => {
    const bench = await Bench.start(engine);
    await bench.finished(100);
    const few = await costsOf(bench);
    expectWithinBounds(few);
    await bench.finished(200_000);
    const full = await costsOf(bench);
    console.log('buffers of a claim with 100 finished jobs', few, 'with 200,000', full);
    expectWithinBounds(full);
    for (const [what, cost] of Object.entries(full)) {
      // finding the lanes makes two more descents, each of which has become two levels deeper: 8 buffers for 200,000 jobs
      expect(cost, what).toBeLessThanOrEqual(what.startsWith('told') ? few[what]! * 1.2 : few[what]! + 10);
    }
    await bench.drain();
    for (const ring of ['entry', 'result']) {
      await engine.switchRing(ring, 1);
      await engine.rows(`truncate ${engine.s}.${ring}_0`);
    }
    expectWithinBounds(await costsOf(bench));
    await engine.switchRing('entry', 0);
    await engine.switchRing('result', 0);
  }, 120_000);

  it('touches hardly more after a month of rotations that a transaction has stayed open for', async () => {
    const bench = await Bench.start(engine);
    await bench.finished(100);
    const pinning = await engine.session();
    await pinning.client.query('begin isolation level repeatable read; select pg_current_xact_id()');
    // and a younger one, so that there is something to look through, before as after
    await engine.rows('select pg_current_xact_id()');
    const before = await bench.idle([0]);
    await engine.rows(`do $$ begin
  for i in 1 .. 4000 loop
    perform ${engine.s}.switch_ring(r.ring, r.current, r.draining, clock_timestamp()) from ${engine.s}.ring r
     where r.ring in ('entry', 'lease', 'result');
    commit;
  end loop;
end $$`);
    const after = await bench.idle([0]);
    await pinning.client.query('rollback');
    console.log('buffers of an idle claim before and after 4,000 rotations', before, after);
    // one level more in the index of switches for each of the three rings it reads
    expect(after).toBeLessThanOrEqual(before + 3);
  });

  it('costs little more for each further lane in use', async () => {
    const bench = await Bench.start(engine);
    await bench.finished(1000);
    const [told, finding] = [await bench.idle([0]), await bench.idle()];
    for (let priority = 1; priority <= 20; priority++) await bench.add(1, { priority });
    const lanes = Array.from({ length: 21 }, (_, i) => i);
    const more = { told: (await bench.idle(lanes)) - told, finding: (await bench.idle()) - finding };
    console.log('buffers for each further lane', more.told / 20, more.finding / 20);
    expect(more.told).toBeLessThanOrEqual(20 * PER_LANE.told);
    expect(more.finding).toBeLessThanOrEqual(20 * PER_LANE.finding);
  });

  it('walks over nothing that was handed out before, deep in one transaction of 50,000 jobs', async () => {
    const bench = await Bench.start(engine);
    await engine.main.begin(bench.queue, ...many(50_000));
    await engine.main.commit();
    const claim = async () => buffers(bench.worker.session, async () => bench.worker.claim(bench.queue, { want: 100 }));
    await bench.worker.claim(bench.queue, { want: 100 });
    const first = await claim();
    await bench.worker.claim(bench.queue, { want: 45_000 });
    expect(await least(claim)).toBeLessThanOrEqual(first * 1.2);
  }, 60_000);

  it('does not look at 20,000 rows of an import that is not committed', async () => {
    const bench = await Bench.start(engine);
    const importer = await engine.session();
    await bench.finished(1000);
    const before = await bench.idle();
    await importer.begin(bench.queue, ...many(20_000));
    expect(await bench.idle()).toBeLessThanOrEqual(before + 20);
    await bench.add(10);
    await bench.drain();
    expect(await bench.idle()).toBeLessThanOrEqual(before + 20);
    await importer.rollback();
  }, 60_000);
});
