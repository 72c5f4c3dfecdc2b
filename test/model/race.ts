import { failure, type JobSpec, outcome, type Session, type TestEngine, type TestQueue } from '../support/engine.js';
import { aWhile } from '../support/signals.js';
import type { ClaimedRun, FollowUp } from '../../lib/engine/worker-engine.interface.js';
import { RINGS } from '../../lib/engine/postgres/rings.js';
import { SEGMENTS } from '../../lib/engine/postgres/schema-names.js';
import type { Ledger } from './ledger.js';
import type { Random } from './random.js';

const KEYS = 12;
const LOCKED = '55P03';
const SERIALIZATION = '40001';

/** What everybody in a race knows. */
export interface Race {
  readonly engine: TestEngine;
  readonly queues: readonly TestQueue[];
  readonly ledger: Ledger;
  /** No more is added. */
  over: boolean;
  /** Everything has ended. */
  done: boolean;
}

/** Something that may be locked for a moment, until it is not. */
async function insisting<T>(attempt: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if ((error as { code?: string }).code !== LOCKED) throw error;
    }
  }
}

function spec(dice: Random): JobSpec {
  const when = dice.next();
  const own = dice.next();
  return {
    name: dice.pick(['a', 'a', 'b']),
    priority: dice.chance(0.7) ? 0 : dice.int(3),
    ...(when < 0.2 && { delay: dice.chance(0.2) ? 2000 : 1 + dice.int(40) }),
    ...(own < 0.35 && { uniqueKey: `k${dice.int(KEYS)}` }),
    ...(own > 0.85 && { jobId: `j${dice.int(KEYS)}` }),
  };
}

/** Adds in transactions, mostly short ones; some see an old snapshot, some roll back. */
export async function produce(race: Race, dice: Random): Promise<void> {
  const { engine, queues, ledger } = race;
  const session = await engine.session();
  const { client } = session;
  while (!race.over) {
    const stays = dice.chance(0.3);
    const kept: { job: string; key: string | undefined }[] = [];
    const undone: string[] = [];
    await client.query(`begin${stays ? ' isolation level repeatable read' : ''}`);
    if (stays) {
      await client.query(`select from ${engine.s}.queue`);
      await aWhile(dice.int(6));
    }
    const failed = await failure(
      (async () => {
        const queue = dice.pick(queues);
        // all that has a key at once, or two transactions could wait for each other
        const specs = Array.from({ length: 1 + dice.int(4) }, () => spec(dice));
        const added = await session.add(queue, ...specs);
        for (const [i, { key, existing }] of added.entries()) {
          const { uniqueKey, jobId } = specs[i]!;
          const own = uniqueKey ?? jobId;
          if (existing === undefined)
            kept.push({ job: key, key: own === undefined ? undefined : `${queue.name} ${own}` });
          else ledger.count('found instead');
        }
        await aWhile(dice.chance(0.03) ? 80 * dice.next() : 4 * dice.next());
        await client.query('savepoint here');
        const isUndone = dice.chance(0.3);
        for (const { key } of await session.add(dice.pick(queues), {}, {})) {
          if (isUndone) undone.push(key);
          else kept.push({ job: key, key: undefined });
        }
        if (isUndone) await client.query('rollback to here');
      })(),
    );
    if (failed !== 'none' && failed !== SERIALIZATION) ledger.wrong.push(`a producer got ${failed}`);
    const commits = failed === 'none' && !dice.chance(0.15);
    await client.query(commits ? 'commit' : 'rollback');
    ledger.count(failed === 'none' ? (commits ? 'commits' : 'rollbacks') : failed);
    for (const job of undone) ledger.rolledBack.add(job);
    for (const { job, key } of kept) {
      if (commits) ledger.commit(job, key);
      else ledger.rolledBack.add(job);
    }
    await aWhile(dice.next() * 10);
  }
}

/** Claims and ends in every way; now and then its process dies, is declared dead, and speaks too late. */
export async function consume(race: Race, dice: Random): Promise<void> {
  const { engine, queues, ledger } = race;
  let worker = await engine.worker();
  const caller = await engine.session();
  while (!race.done) {
    const queue = dice.pick(queues);
    const names = dice.chance(0.3) ? ['a'] : null;
    const places = { '': dice.int(20) };
    const { runs } = await worker.claim(queue, { want: 1 + dice.int(20), names, suspect: true, places });
    for (const { key, run } of runs) ledger.handOut(key, run);
    if (dice.chance(0.1)) await worker.session.work.beat(worker.id, runs.length, true);
    if (runs.length === 0) {
      await aWhile(2);
      continue;
    }
    await aWhile(dice.next() * 4);
    if (dice.chance(0.04)) {
      await die(race, caller, worker.id);
      const late = await insisting(async () => worker.endAll(queue, runs));
      if (late.length !== runs.length) ledger.wrong.push('a dead worker ended what had been recovered');
      // on a quick machine more die than a server has connections
      await worker.session.client.end();
      worker = await engine.worker();
      continue;
    }
    let open = runs;
    if (dice.chance(0.25)) open = await completeIn(ledger, caller, worker.id, queue, runs, dice);
    await finish(ledger, open, dice, async (outcomes) => insisting(async () => worker.finish(queue, outcomes, true)));
  }
}

async function die({ engine, queues, ledger }: Race, { client }: Session, worker: string): Promise<void> {
  const { s } = engine;
  const ask = async (sql: string, values: unknown[]): Promise<any> => (await client.query(sql, values)).rows[0];
  await ask(`select ${s}.bury_worker($1, 9223372036854775807, true)`, [worker]);
  ledger.count('deaths');
  for (const queue of queues) {
    for (let more = true; more;) {
      const recovered = await insisting(async () =>
        ask(`select lost, stalled, locked, more from ${s}.recover_runs($1, $2, '-infinity', 100)`, [queue.id, worker]),
      );
      ledger.count('lost', recovered.lost.length);
      for (const id of recovered.stalled) {
        const { job } = await ask(`select ${s}.find_job($1, $2)::text as job`, [queue.id, id]);
        ledger.release(job);
        ledger.end(job, 'stalled');
      }
      more = recovered.more || recovered.locked > 0;
    }
  }
}

/** One of the runs in a transaction of its own; returns those that are still open. */
async function completeIn(
  ledger: Ledger,
  { client, work: engine }: Session,
  worker: string,
  queue: TestQueue,
  runs: ClaimedRun[],
  dice: Random,
): Promise<ClaimedRun[]> {
  const run = dice.pick(runs);
  const commits = dice.chance(0.7);
  const { key, lease } = run;
  await client.query('begin');
  if (commits) ledger.release(key);
  const failed = await engine
    .completeIn(client, worker, queue.id, { key, run: run.run, lease, ran: 1, output: null })
    .then(
      () => undefined,
      (error: Error) => error.name,
    );
  await aWhile(dice.next() * 6);
  await client.query(commits ? 'commit' : 'rollback');
  ledger.count(`completeIn ${failed ?? (commits ? 'committed' : 'rolled back')}`);
  if (failed !== undefined && failed !== 'LeaseLostError') ledger.wrong.push(`completeIn failed with ${failed}`);
  if (failed === undefined && commits) {
    ledger.endRun(key, run.run, 'completed in a transaction');
    ledger.end(key, 'completed');
    return runs.filter((one) => one !== run);
  }
  return runs;
}

const ENDINGS: readonly (FollowUp | undefined)[] = [
  undefined,
  undefined,
  undefined,
  { state: 'r', to: 'home', charge: 1 },
  { state: 'r', delay: 3, charge: 1 },
  { state: 'm', to: 'front', charge: 0 },
  { state: 'm', to: 'name', charge: 0 },
  { state: 'f', reason: 'exhausted' },
];

async function finish(
  ledger: Ledger,
  runs: readonly ClaimedRun[],
  dice: Random,
  write: (outcomes: ReturnType<typeof outcome>[]) => Promise<{ key: string; run: number }[]>,
): Promise<void> {
  const outcomes = runs.map((run) => outcome(run, dice.pick(ENDINGS)));
  for (const { key, followUp } of outcomes) if (followUp === undefined || followUp.state === 'f') ledger.release(key);
  const refused = new Set((await write(outcomes)).map(({ key, run }) => `${key}.${run}`));
  for (const { key, run, followUp } of outcomes) {
    if (refused.has(`${key}.${run}`)) {
      ledger.count('refused');
      continue;
    }
    const state = followUp?.state ?? 'c';
    ledger.endRun(key, run, { c: 'completed', r: 'retried', m: 'handed back', f: 'dead', p: 'postponed' }[state]);
    if (state === 'c' || state === 'f') ledger.end(key, state === 'c' ? 'completed' : 'dead');
  }
}

export async function promote(race: Race, dice: Random): Promise<void> {
  const { engine, queues, ledger } = race;
  const { work: promoting } = await engine.session();
  while (!race.done) {
    const { lanes } = await promoting.promote(dice.pick(queues).id, dice.pick([1, 5, 1000]));
    if (lanes.length > 0) ledger.count('promotions');
    await aWhile(dice.next() * 6);
  }
}

/** Cancels, changes and hurries jobs that were added lately. */
export async function meddle(race: Race, dice: Random): Promise<void> {
  const { engine, queues, ledger } = race;
  const { jobs } = await engine.session();
  while (!race.over) {
    await aWhile(dice.next() * 6);
    const job = dice.oneOf([...ledger.committed].slice(-60));
    if (job === undefined) continue;
    const { name } = dice.pick(queues);
    const what = dice.next();
    if (what < 0.5) {
      // its keys may be another's before this is answered
      const isHere = (await jobs.getJob(name, job)) !== undefined;
      if (!isHere) continue;
      ledger.release(job);
      const state = await jobs.cancel(name, job, 'not wanted');
      if (state === null) continue;
      ledger.count(`cancelled ${state}`);
      ledger.end(job, 'cancelled');
    } else if (what < 0.75) {
      if (await jobs.changePriority(name, job, dice.int(3))) ledger.count('priority changed');
    } else if (what < 0.99) {
      if (await jobs.promote(name, job)) ledger.count('promoted by hand');
    } else {
      const failed = await failure(jobs.updateData(name, job, '"changed"'));
      if (failed !== 'none' && failed !== LOCKED) ledger.wrong.push(`updateData failed with ${failed}`);
    }
  }
}

/** Rotates, settles and reclaims all rings without a pause; counts what was copied. */
export async function maintain(race: Race, dice: Random): Promise<void> {
  const { engine, ledger } = race;
  const { client } = await engine.session();
  const call = async (what: string, values: unknown[]): Promise<any> =>
    (await client.query(`select ${engine.s}.${what} as value`, values)).rows[0].value;
  const patient = async (task: () => Promise<unknown>): Promise<void> => {
    const failed = await failure(task());
    if (failed !== 'none' && failed !== LOCKED) ledger.wrong.push(`upkeep failed with ${failed}`);
    if (failed === 'none') return;
    ledger.count('upkeep locked out');
    await client.query('rollback');
  };
  const reclaim = async (ring: string, segment: number): Promise<void> => {
    await client.query('begin');
    const became = await call('reclaim($1, $2, $3)', [ring, segment, dice.pick([3, 100_000, 100_000])]);
    ledger.count(became === 'reclaimed' ? `reclaimed ${ring}` : `reclaim ${became}`);
    if (became === 'reclaimed') {
      const { rows } = await client.query(
        SEGMENTS.map(
          (i) => `select count(*)::int as n from ${engine.s}.${ring}_${i} x where x.xmin = pg_current_xact_id()::xid`,
        ).join(' union all '),
      );
      // one of them is the placeholder
      ledger.count(
        `copied ${ring}`,
        rows.reduce((sum: number, { n }: { n: number }) => sum + n, -1),
      );
    }
    await client.query('commit');
  };
  while (!race.done) {
    for (const { name: ring, drains } of dice.shuffled(RINGS)) {
      await patient(async () => call(`rotate($1, interval '0')`, [ring]));
      await aWhile(dice.next() * 5);
      if (drains) await call('settle($1)', [ring]);
      const { rows } = await client.query(`select current from ${engine.s}.ring where ring = $1`, [ring]);
      for (const next of dice.shuffled([1, 2])) {
        const segment = (rows[0].current + next) % SEGMENTS.length;
        if (await call('segment_is_used($1, $2)', [ring, segment])) await patient(async () => reclaim(ring, segment));
      }
    }
  }
}
