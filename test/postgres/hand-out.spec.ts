import { expect, it } from 'vitest';
import { type JobSpec, many, outcome, type Session, testEngine, type TestQueue } from '../support/engine.js';
import { aWhile } from '../support/signals.js';

const engine = testEngine();
const PRODUCERS = 12;
const CLAIMERS = 6;
/** How long transactions race with claims: ms. */
const RACE = Number(process.env['HAND_OUT_RACE'] ?? 10_000);

class Race {
  readonly committed = new Set<string>();
  readonly rolledBack = new Set<string>();
  readonly handedOut = new Map<string, number>();
  over = false;
  readonly #queue: TestQueue;
  readonly #spec: () => JobSpec;

  constructor(queue: TestQueue, spec: () => JobSpec) {
    this.#queue = queue;
    this.#spec = spec;
  }

  /** Long transactions with savepoints; one in seven rolls back, and so does one savepoint in seven. */
  async produce(session: Session): Promise<void> {
    const { client } = session;
    while (!this.over) {
      const kept: string[] = [];
      const add = async (to: { push(key: string): unknown }): Promise<void> => {
        for (const { key } of await session.add(this.#queue, ...many(1 + Math.random() * 4, this.#spec())))
          to.push(key);
      };
      const gone = { push: (key: string) => this.rolledBack.add(key) };
      await client.query('begin');
      await add(kept);
      await aWhile(Math.random() < 0.1 ? 300 * Math.random() : 10 * Math.random());
      await client.query('savepoint here');
      const undone = Math.random() < 0.15;
      await add(undone ? gone : kept);
      await client.query(undone ? 'rollback to here' : 'release here');
      if (Math.random() < 0.15) {
        await client.query('rollback');
        for (const key of kept) this.rolledBack.add(key);
      } else {
        await client.query('commit');
        for (const key of kept) this.committed.add(key);
      }
    }
  }

  /** Claims by whatever number; every third batch is finished, of every ninth some are handed back. */
  async claim(producing: Promise<unknown>): Promise<void> {
    const worker = await engine.worker();
    let produced = false;
    void producing.then(() => (produced = true));
    for (let i = 0; ; i++) {
      const last = produced;
      const { runs } = await worker.claim(this.#queue, { want: 1 + Math.floor(Math.random() * 20) });
      for (const { key, run } of runs) this.#handOut(`${key}:${run}`);
      if (runs.length > 0 && i % 3 === 0) {
        const back = { state: 'm', to: 'front' } as const;
        const outcomes = runs.map((run, j) => outcome(run, !last && i % 9 === 0 && j % 4 === 0 ? back : undefined));
        expect(await worker.finish(this.#queue, outcomes)).toEqual([]);
        for (const { key, run, followUp } of outcomes) if (followUp) this.committed.add(`${key}:${run + 1}`);
      }
      if (runs.length === 0 && last) return;
      if (runs.length === 0) await aWhile(1);
    }
  }

  #handOut(run: string): void {
    this.handedOut.set(run, (this.handedOut.get(run) ?? 0) + 1);
  }

  async run(ms: number): Promise<void> {
    const sessions = await Promise.all(Array.from({ length: PRODUCERS }, async () => engine.session()));
    const producing = Promise.all(sessions.map(async (session) => this.produce(session)));
    const claiming = Promise.all(Array.from({ length: CLAIMERS }, async () => this.claim(producing)));
    await aWhile(ms);
    this.over = true;
    await producing;
    await claiming;
    // a claimer may have handed something back after the others saw nothing
    const late = new Race(this.#queue, this.#spec);
    await late.claim(Promise.resolve());
    for (const [run, times] of late.handedOut) this.handedOut.set(run, (this.handedOut.get(run) ?? 0) + times);
  }

  /** What was handed out that should not have been, and the other way round. */
  verdict(): Record<string, string[]> {
    const firstRun = (run: string): string => run.replace(/:1$/, '');
    const handed = [...this.handedOut.keys()].map(firstRun);
    return {
      twice: [...this.handedOut].filter(([, times]) => times > 1).map(([run]) => run),
      missing: [...this.committed].filter((run) => !this.handedOut.has(run.includes(':') ? run : `${run}:1`)),
      rolledBack: handed.filter((run) => this.rolledBack.has(run.replace(/:.*/, ''))),
      neverAdded: handed.filter((run) => !this.committed.has(run)),
    };
  }
}

const NOTHING_WRONG = { twice: [], missing: [], rolledBack: [], neverAdded: [] };

it(
  'hands every committed job out once, and no rolled-back one, whatever transactions do meanwhile',
  async () => {
    const race = new Race(await engine.queue(), () => ({}));
    await race.run(RACE);
    console.log(
      `race: ${race.committed.size} committed, ${race.handedOut.size} handed out, ${race.rolledBack.size} undone`,
    );
    expect(race.verdict()).toEqual(NOTHING_WRONG);
    expect(race.committed.size).toBeGreaterThan(500);
    expect(race.rolledBack.size).toBeGreaterThan(50);
  },
  RACE + 60_000,
);

it('does so over several lanes and segments, beside a bulk import that stays uncommitted', async () => {
  const queue = await engine.queue();
  const importer = await engine.session();
  const race = new Race(queue, () => ({ priority: Math.floor(Math.random() * 4) }));
  const imported = await importer.begin(queue, ...many(20_000));
  let turn = 0;
  const rotation = setInterval(
    () => void engine.switchRing(['entry', 'lease', 'result'][++turn % 3]!, (turn >> 1) % 3),
    50,
  );
  await race.run(RACE / 2);
  clearInterval(rotation);
  console.log(
    `race: ${race.committed.size} committed, ${race.handedOut.size} handed out, ${race.rolledBack.size} undone`,
  );
  expect(race.verdict()).toEqual(NOTHING_WRONG);
  await importer.commit();
  const worker = await engine.worker();
  expect(await worker.claimKeys(queue)).toEqual(imported.map(({ key }) => key));
}, 60_000);
