import { expect, it } from 'vitest';
import { buffers, least, undone } from '../support/buffers.js';
import {
  type JobSpec,
  many,
  outcome,
  type Session,
  testEngine,
  type TestQueue,
  type TestWorker,
} from '../support/engine.js';

const engine = testEngine({ alone: true });

/** Jobs of each of five kinds that lie around: enough for indexes of two levels, and 25 times that, not yet of three. */
const FEW = 400;
const MANY = 10_000;
const DAY = 86_400_000;
const RINGS = ['entry', 'delayed', 'lease', 'result', 'unique_key', 'custom_id', 'pulse'];

/** Where a statement is measured: on a session that made its plans on empty tables, or one that has just begun. */
interface At {
  readonly queue: TestQueue;
  readonly worker: TestWorker;
  readonly session: Session;
}

interface Statement {
  /** Buffers it touches at most, whatever is in the log. */
  readonly most: number;
  /**
   * Whether it touches as many with many jobs as with few, within a fifth: invariant 5. But for two for each job, since
   * one index or the other becomes a level deeper.
   */
  readonly flat?: boolean;
  /** How many buffers it touches; it leaves behind what later ones do not see. */
  readonly cost: (at: At) => Promise<number>;
}

/** Ends what waits in the lane that is measured. */
async function clear({ queue, worker }: At): Promise<void> {
  for (;;) {
    const { runs } = await worker.claim(queue, { want: 2001, lanes: [-1, 0] });
    if (runs.length === 0) return;
    await worker.endAll(queue, runs);
  }
}

async function add({ queue }: At, count: number, spec: JobSpec = {}): Promise<string> {
  const added = await engine.main.add(queue, ...many(count, { data: 'x'.repeat(190), ...spec }));
  return added[0]!.id;
}

const adds = (count: number, spec: (n: number) => JobSpec = () => ({})) => {
  let n = 0;
  return async ({ queue, session }: At) => {
    const specs = Array.from({ length: count }, () => ({ data: 'x'.repeat(190), ...spec(n++) }));
    return buffers(session, async () => session.add(queue, ...specs));
  };
};

const claims = (want: number, lanes: number[] | null) => async (at: At) => {
  await clear(at);
  await add(at, want);
  // of what was lost it leaves to others all that waits
  const request = { want: Math.max(want, 1), lanes, names: ['job'], places: { '': 0 } };
  return buffers(at.session, async () => at.worker.claim(at.queue, request));
};

async function claimed(at: At, count: number) {
  await clear(at);
  await add(at, count);
  return (await at.worker.claim(at.queue, { want: count, lanes: [0] })).runs;
}

const ends = (count: number, followUp?: Parameters<typeof outcome>[1]) => async (at: At) => {
  const runs = await claimed(at, count);
  return buffers(at.session, async () => at.worker.endAll(at.queue, runs, followUp));
};

/** Of one job in a state, by a call of the engine that is undone. */
const ofJob =
  (state: 'waiting' | 'delayed' | 'active' | 'completed' | 'failed', work: (at: At, id: string) => Promise<unknown>) =>
  async (at: At) => {
    await clear(at);
    let id = await add(at, 1, state === 'delayed' ? { delay: DAY } : {});
    if (state === 'active' || state === 'completed' || state === 'failed') {
      const { runs } = await at.worker.claim(at.queue, { want: 1, lanes: [0] });
      id = runs[0]!.key;
      if (state === 'completed') await at.worker.endAll(at.queue, runs);
      if (state === 'failed')
        await at.worker.endAll(at.queue, runs, { state: 'f', reason: 'exhausted', error: { message: 'e' } });
    }
    return undone(at.session, async () => work(at, id));
  };

const lists =
  (state: string, ascending = true) =>
  async ({ queue, session }: At) =>
    buffers(session, async () => session.jobs.getJobs(queue.name, [state as 'waiting'], 0, 19, ascending));

const counts =
  (state: string) =>
  async ({ queue, session }: At) =>
    buffers(session, async () => session.jobs.getJobCounts(queue.name, [state as 'waiting']));

const sql =
  (text: string, values: (at: At) => unknown[] = () => []) =>
  async (at: At) =>
    undone(at.session, async () => at.session.client.query(text.replaceAll('$s', engine.s), values(at)));

const RETRY = { state: 'r', delay: DAY, charge: 1, error: { message: 'e' } } as const;
const DIE = { state: 'f', reason: 'exhausted', error: { message: 'e' } } as const;

const promotes = (count: number) => async (at: At) => {
  if (count > 0) {
    await add(at, count, { delay: 1 });
    await at.session.client.query('select pg_sleep(0.005)');
  }
  return buffers(at.session, async () => at.session.work.promote(at.queue.id, 1000));
};

const STATEMENTS: Record<string, Statement> = {
  'add 1': { most: 15, flat: true, cost: adds(1) },
  'add 100': { most: 1_000, flat: true, cost: adds(100) },
  'add 1 delayed': { most: 20, flat: true, cost: adds(1, () => ({ delay: DAY })) },
  'add 100 delayed': { most: 1_400, flat: true, cost: adds(100, () => ({ delay: DAY })) },
  'add 1, key unused': { most: 30, flat: true, cost: adds(1, (n) => ({ uniqueKey: `${Math.random()} ${n}` })) },
  'add 1, key held': {
    most: 60,
    flat: true,
    cost: async (at) => {
      await add(at, 1, { uniqueKey: 'held', delay: DAY });
      return adds(1, () => ({ uniqueKey: 'held' }))(at);
    },
  },
  'add 1, key used before': {
    most: 50,
    flat: true,
    cost: async (at) => {
      await add(at, 1, { uniqueKey: 'used' });
      await clear(at);
      return adds(1, () => ({ uniqueKey: 'used' }))(at);
    },
  },
  'add 1, id unused': { most: 30, flat: true, cost: adds(1, (n) => ({ jobId: `${Math.random()} ${n}` })) },
  'add 1, id taken': {
    most: 60,
    flat: true,
    cost: async (at) => {
      await add(at, 1, { jobId: 'taken', delay: DAY });
      return adds(1, () => ({ jobId: 'taken' }))(at);
    },
  },
  'claim 0': { most: 40, flat: true, cost: claims(0, [0]) },
  'claim 0, finding its lanes': { most: 120, flat: true, cost: claims(0, null) },
  'claim 1': { most: 45, flat: true, cost: claims(1, [0]) },
  'claim 100': { most: 80, flat: true, cost: claims(100, [0]) },
  'claim 100, finding its lanes': { most: 150, flat: true, cost: claims(100, null) },
  'claim 100 again': {
    most: 1_000,
    cost: async (at) => {
      const { lease } = (await claimed(at, 100))[0]!;
      return buffers(at.session, async () =>
        at.worker.claim(at.queue, { want: 100, lanes: [0], again: true, claimNo: lease.claimNo }),
      );
    },
  },
  // each job is looked up among those that ended while they waited
  'claim 100 beside a revoked job': {
    most: 900,
    flat: true,
    cost: async (at) => {
      const beside = { ...at, queue: await engine.queue() };
      await engine.main.jobs.remove(beside.queue.name, await add(beside, 1));
      return claims(100, [0])(beside);
    },
  },
  'finish 1': { most: 15, flat: true, cost: ends(1) },
  'finish 100': { most: 500, flat: true, cost: ends(100) },
  'finish 100 repeatedly': {
    most: 1_200,
    cost: async (at) => {
      const runs = await claimed(at, 100);
      await at.worker.endAll(at.queue, runs);
      return buffers(at.session, async () =>
        at.worker.finish(
          at.queue,
          runs.map((run) => outcome(run)),
          true,
        ),
      );
    },
  },
  'finish 100, retried later': { most: 2_200, flat: true, cost: ends(100, RETRY) },
  'finish 100, handed back': { most: 2_000, flat: true, cost: ends(100, { state: 'm', to: 'front' }) },
  'finish 100, dead': { most: 2_500, flat: true, cost: ends(100, DIE) },
  'complete 1 in a transaction': {
    most: 20,
    flat: true,
    cost: ofJob('active', async ({ queue, worker, session }, id) => {
      const [l] = await engine.rows(
        `select lane, n, claim_no as "claimNo" from ${engine.s}.lease where queue_id = $1 and $2 = any(job_ids)`,
        [queue.id, id],
      );
      await session.work.completeIn(session.client, worker.id, queue.id, {
        key: id,
        run: 1,
        lease: l,
        ran: 1,
        output: null,
      });
    }),
  },
  'promote 0': { most: 50, flat: true, cost: promotes(0) },
  'promote 1': { most: 60, flat: true, cost: promotes(1) },
  'promote 100': { most: 1_400, flat: true, cost: promotes(100) },
  'get a waiting job': {
    most: 40,
    cost: ofJob('waiting', ({ queue, session }, id) => session.jobs.getJob(queue.name, id)),
  },
  'get a delayed job': {
    most: 40,
    cost: ofJob('delayed', ({ queue, session }, id) => session.jobs.getJob(queue.name, id)),
  },
  'get an active job': {
    most: 40,
    cost: ofJob('active', ({ queue, session }, id) => session.jobs.getJob(queue.name, id)),
  },
  'get a completed job': {
    most: 40,
    cost: ofJob('completed', ({ queue, session }, id) => session.jobs.getJob(queue.name, id)),
  },
  'get a dead job': {
    most: 40,
    cost: ofJob('failed', ({ queue, session }, id) => session.jobs.getJob(queue.name, id)),
  },
  'get a job by its own id': {
    most: 40,
    cost: ofJob('waiting', ({ queue, session }) => session.jobs.getJob(queue.name, 'taken')),
  },
  'list waiting': { most: 900, cost: lists('waiting') },
  'list delayed': { most: 1_500, cost: lists('delayed') },
  'list active': { most: 300_000, cost: lists('active') },
  'list completed': { most: 600, cost: lists('completed') },
  'list completed, newest first': { most: 600, cost: lists('completed', false) },
  'list failed': { most: 100, cost: lists('failed') },
  'list failed, newest first': { most: 100, cost: lists('failed', false) },
  'count waiting': { most: 50_000, cost: counts('waiting') },
  'count delayed': { most: 130_000, cost: counts('delayed') },
  'count active': { most: 300_000, cost: counts('active') },
  'count completed': { most: 5_000, cost: counts('completed') },
  'count failed': { most: 1_000, cost: counts('failed') },
  beat: {
    most: 12,
    flat: true,
    cost: ({ worker, session }) => buffers(session, async () => session.work.beat(worker.id, 0, true)),
  },
  'workers seen': {
    most: 20,
    flat: true,
    cost: ({ session }) => buffers(session, async () => session.upkeep.workersSeen()),
  },
  'runs taken, of 100': {
    most: 800,
    cost: async (at) => {
      const runs = await claimed(at, 100);
      return buffers(at.session, async () => at.session.work.runsTaken(at.queue.id, runs));
    },
  },
  'cancel a waiting job': {
    most: 120,
    cost: ofJob('waiting', ({ queue, session }, id) => session.jobs.cancel(queue.name, id, 'why')),
  },
  'cancel a delayed job': {
    most: 120,
    cost: ofJob('delayed', ({ queue, session }, id) => session.jobs.cancel(queue.name, id, 'why')),
  },
  'cancel an active job': {
    most: 120,
    cost: ofJob('active', ({ queue, session }, id) => session.jobs.cancel(queue.name, id, 'why')),
  },
  'change the data of a waiting job': {
    most: 60,
    cost: ofJob('waiting', ({ queue, session }, id) => session.jobs.updateData(queue.name, id, '1')),
  },
  'change the data of an active job': {
    most: 15,
    cost: ofJob('active', ({ queue, session }, id) =>
      session.jobs.updateData(queue.name, id, '1', { key: id, run: 1 }),
    ),
  },
  'change the priority of a waiting job': {
    most: 90,
    cost: ofJob('waiting', ({ queue, session }, id) => session.jobs.changePriority(queue.name, id, 7)),
  },
  'change the priority of a delayed job': {
    most: 90,
    cost: ofJob('delayed', ({ queue, session }, id) => session.jobs.changePriority(queue.name, id, 7)),
  },
  'promote a job': {
    most: 80,
    cost: ofJob('delayed', ({ queue, session }, id) => session.jobs.promote(queue.name, id)),
  },
  'remove a waiting job': {
    most: 60,
    cost: ofJob('waiting', ({ queue, session }, id) => session.jobs.remove(queue.name, id)),
  },
  'remove a completed job': {
    most: 60,
    cost: ofJob('completed', ({ queue, session }, id) => session.jobs.remove(queue.name, id)),
  },
  'retry a dead job': {
    most: 30,
    cost: ofJob('failed', ({ queue, session }, id) =>
      session.client.query(`select ${engine.s}.retry_dead($1, ${engine.s}.find_job($1, $2)) as wake`, [queue.id, id]),
    ),
  },
  'what upkeep is due': {
    most: 80,
    flat: true,
    cost: sql(`select * from $s.upkeep_due(1000000, 268435456, '10 minutes')`),
  },
  'rotate a ring': { most: 30, cost: sql(`select $s.rotate('entry', interval '5 s')`) },
  'drain what waits': { most: 50_000, cost: sql('select $s.drain($1, false)', ({ queue }) => [queue.id]) },
  'drain what waits and is delayed': {
    most: 180_000,
    cost: sql('select $s.drain($1, true)', ({ queue }) => [queue.id]),
  },
  'purge 100 dead jobs': {
    most: 2_500,
    cost: async (at) => {
      await at.worker.endAll(at.queue, await claimed(at, 100), DIE);
      return sql('select $s.purge_dead($1, 100)', ({ queue }) => [queue.id])(at);
    },
  },
  'recover 100 runs': {
    most: 4_000,
    cost: async (at) => {
      const dead = await engine.worker();
      await clear(at);
      await add(at, 100);
      await dead.claim(at.queue, { want: 100, lanes: [0] });
      const cost = await sql(
        `select * from $s.recover_runs($1, $2, clock_timestamp() - interval '3 minutes', 500)`,
        () => [at.queue.id, dead.id],
      )(at);
      await dead.session.work.retire(dead.id);
      await engine.main.upkeep.recover(at.queue.id, dead.id, false);
      return cost;
    },
  },
};

/** So many more jobs of each kind: waiting (of a low priority, and of a name that nobody handles), finished, delayed, dead. */
async function fill(at: At, count: number): Promise<void> {
  for (let left = count; left > 0; left -= 5_000) {
    const some = Math.min(left, 5_000);
    await add(at, some, { priority: 200 });
    await add(at, some, { name: 'parked' });
    await add(at, some, { delay: 30 * DAY });
    await add(at, some, { delay: 1 });
    await at.session.client.query('select pg_sleep(0.005)');
    while ((await at.session.work.promote(at.queue.id, 1000)).more);
    await add(at, some);
    await clear(at);
    await at.worker.endAll(at.queue, await claimed(at, some), DIE);
  }
}

async function costs(at: At): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  for (const [what, { cost }] of Object.entries(STATEMENTS)) found[what] = await least(async () => cost(at));
  return found;
}

it('every statement touches few buffers, on empty, full and truncated tables, whenever its plan was made', async () => {
  const queue = await engine.queue();
  await engine.rows(`select ${engine.s}.name_lane($1, 'parked', 0::smallint)`, [queue.id]);
  await engine.main.jobs.setRetention(queue.name, { failed: { count: 50 } });
  const begin = async (): Promise<At> => {
    const worker = await engine.worker();
    return { queue, worker, session: worker.session };
  };
  const old = await begin();
  const measured: Record<string, Record<string, number>> = {};
  const measure = async (when: string) => {
    measured[when] = await costs(old);
    const fresh = await begin();
    measured[`${when}, anew`] = await costs(fresh);
    await fresh.session.work.retire(fresh.worker.id);
  };
  await measure('empty');
  await fill(old, FEW);
  await measure('few');
  await fill(old, MANY);
  await measure('many');
  for (const ring of RINGS) await engine.turn(ring, 1e9);
  await measure('truncated');
  console.table(
    Object.fromEntries(
      Object.keys(STATEMENTS).map((what) => [
        what,
        Object.fromEntries(Object.entries(measured).map(([when, found]) => [when, found[what]])),
      ]),
    ),
  );
  const wrong: string[] = [];
  for (const [what, { most, flat }] of Object.entries(STATEMENTS)) {
    for (const [when, found] of Object.entries(measured)) {
      if (found[what]! > most) wrong.push(`${what}, ${when}: ${found[what]}, not ${most}`);
    }
    for (const how of ['', ', anew']) {
      const [few, all] = [measured[`few${how}`]![what]!, measured[`many${how}`]![what]!];
      const jobs = Number(/\d+/.exec(what)?.[0] ?? 1) || 1;
      if (flat === true && all > few * 1.2 + 2 * jobs)
        wrong.push(`${what}${how}: ${few} with few jobs, ${all} with many`);
    }
  }
  expect(wrong).toEqual([]);
}, 300_000);
