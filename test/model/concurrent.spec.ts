import { expect, it } from 'vitest';
import { RINGS } from '../../lib/engine/postgres/rings.js';
import { testEngine } from '../support/engine.js';
import { aWhile, until } from '../support/signals.js';
import { Ledger } from './ledger.js';
import { consume, maintain, meddle, produce, promote, type Race } from './race.js';
import { Random } from './random.js';

const engine = testEngine();
const RACE = Number(process.env['MODEL_RACE'] ?? 8_000);
const SEED = Number(process.env['MODEL_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const STATES = ['waiting', 'delayed', 'active'] as const;

/** Each ring of jobs is reclaimed, and survivors are copied; the newest signs of life come again by themselves. */
const EXPECTED = RINGS.filter(({ name }) => name !== 'event').flatMap(({ name }) =>
  name === 'pulse' ? [`reclaimed ${name}`] : [`reclaimed ${name}`, `copied ${name}`],
);

it('each committed job ends once, and no key is held twice, while all rings are reclaimed without a pause', async () => {
  const queues = [await engine.queue(), await engine.queue()];
  for (const { name } of queues) await engine.main.jobs.setRetention(name, { completed: { age: 0 } });
  const race: Race = { engine, queues, ledger: new Ledger(), over: false, done: false };
  const { ledger } = race;
  let seed = SEED;
  const many = async (n: number, part: (race: Race, dice: Random) => Promise<void>): Promise<unknown> =>
    Promise.all(Array.from({ length: n }, async () => part(race, new Random(seed++))));
  const adding = Promise.all([many(5, produce), many(1, meddle)]);
  const others = Promise.all([many(4, consume), many(1, promote), many(1, maintain)]);
  await Promise.race([aWhile(RACE), adding, others]);
  // on a busy machine it may take a while until each ring had its turn
  const isMissing = (what: string): boolean => (ledger.counts[what] ?? 0) === 0;
  const missing = (): string[] => EXPECTED.filter(isMissing);
  await until('reclaims of all rings', () => missing().length === 0, 30_000).catch(() => undefined);
  race.over = true;
  await adding;
  const left = async (): Promise<number> => {
    let sum = 0;
    for (const { name } of queues) {
      const { counts } = await engine.main.jobs.getJobCounts(name, STATES);
      sum += counts.waiting + counts.delayed + counts.active;
    }
    return sum;
  };
  // state by state: what moves from one to the next meanwhile is in neither; so it is asked twice
  const nothingIsLeft = async (): Promise<boolean> => (await left()) === 0 && (await aWhile(100), (await left()) === 0);
  await until('everything has ended', nothingIsLeft, 20_000);
  race.done = true;
  await others;
  console.log(`race of seed ${SEED}: ${ledger.committed.size} committed, ${JSON.stringify(ledger.counts)}`);
  expect(ledger.verdict()).toEqual({ wrong: [], missing: [], endedTwice: [], neverCommitted: [], rolledBack: [] });
  expect(missing(), 'what never happened').toEqual([]);
  const twice = await engine.rows(
    `select 'result' as what from ${engine.s}.result where queue_id > 0 group by queue_id, job_id, run having count(*) > 1
     union all select 'entry' from ${engine.s}.entry where queue_id > 0 group by queue_id, job_id, run having count(*) > 1
     union all select 'lease' from ${engine.s}.lease where queue_id > 0 group by queue_id, lane, n having count(*) > 1`,
  );
  expect(twice).toEqual([]);
}, 90_000);
