import { expect } from 'vitest';
import type { JobRecord, RecordedState } from '../../lib/engine/job-engine.interface.js';
import { byDue, type Job } from './oracle/job.js';
import type { QueueOracle } from './oracle/queue.js';
import type { World } from './world.js';

const STATES: readonly RecordedState[] = ['waiting', 'delayed', 'active', 'completed', 'failed'];

/** Everything that the public look-ups say, and what must hold of the tables whatever they say. */
export async function verify(world: World): Promise<void> {
  for (const queue of world.oracle.queues) {
    await verifyLists(world, queue);
    await verifyGone(world, queue);
  }
  await verifyKeys(world);
  await verifyRows(world);
}

/** A record without what the oracle does not know. */
export const asOracle = ({
  options,
  errors,
  createdAt: _1,
  processedOn: _2,
  finishedOn: _3,
  ...record
}: JobRecord): object => ({
  ...record,
  priority: options.priority,
  attempts: options.attempts,
  errors: errors.map(({ message }) => message),
});

/** getJob() of one job. */
export async function verifyJob(world: World, job: Job | undefined): Promise<void> {
  if (job === undefined) return;
  const record = await world.main.session.jobs.getJob(job.queue.queue.name, job.key);
  const known = job.state !== 'gone' && job.addedIn === undefined;
  expect(record && asOracle(record), `getJob(${job.text}) of ${job.queue.text}`).toEqual(
    known ? job.record : undefined,
  );
}

const byId = (a: Job, b: Job): number => Number(a.key) - Number(b.key);

export function inOrder(queue: QueueOracle, state: RecordedState): Job[] {
  if (state === 'waiting') return queue.waiting();
  const jobs = queue.in(state);
  if (state === 'delayed') return jobs.toSorted((a, b) => (a.runAt === b.runAt ? byId(a, b) : byDue(a, b)));
  if (state === 'failed') return jobs.toSorted((a, b) => a.died - b.died || byId(a, b));
  return jobs.toSorted(byId);
}

async function verifyLists(world: World, queue: QueueOracle): Promise<void> {
  const { jobs } = world.main.session;
  const { counts, estimated } = await jobs.getJobCounts(queue.queue.name, STATES);
  expect(estimated).toEqual([]);
  for (const state of STATES) {
    const expected = inOrder(queue, state);
    const listed = await jobs.getJobs(queue.queue.name, [state], 0, -1, true);
    expect(
      listed.map(({ key }) => `#${key}`),
      `getJobs(${state}) of ${queue.text}`,
    ).toEqual(expected.map(({ text }) => text));
    for (const [i, record] of listed.entries()) {
      expect(asOracle(record), `${state} ${expected[i]!.text} of ${queue.text}`).toEqual(expected[i]!.record);
    }
    if (state === 'completed' && queue.forgets) expect(counts[state]).toBeGreaterThanOrEqual(expected.length);
    else expect(counts[state], `getJobCounts(${state}) of ${queue.text}`).toBe(expected.length);
    if (expected.length > 2 && !(state === 'completed' && queue.forgets)) {
      const page = await jobs.getJobs(queue.queue.name, [state], 1, 2, false);
      expect(
        page.map(({ key }) => `#${key}`),
        `the second page of getJobs(${state}) backwards`,
      ).toEqual(
        expected
          .toReversed()
          .slice(1, 3)
          .map(({ text }) => text),
      );
    }
  }
}

/** What was removed, drained or rolled back is unknown. */
async function verifyGone(world: World, queue: QueueOracle): Promise<void> {
  const gone = [...queue.jobs.values()].filter((job) => job.state === 'gone' || job.addedIn !== undefined);
  const seen = await world.rows(
    'select id from unnest($2::bigint[]) id where S.job_record($1, id) is not null or S.job_is_alive($1, id)',
    [queue.queue.id, gone.map(({ key }) => key)],
  );
  expect(seen, `jobs of ${queue.text} that should be gone`).toEqual([]);
}

/** The newest generation of a key is its holder's. */
async function verifyKeys(world: World): Promise<void> {
  const rows = await world.rows(
    `select distinct on (1, 2) x.ring || ' q' || x.queue_id || ' ' || x.key as key, x.queue_id, x.job_id::text from (
       select 'unique_key' as ring, queue_id, key, generation, job_id from S.unique_key
       union all select 'custom_id', queue_id, id, generation, job_id from S.custom_id) x
      where queue_id > 0 order by 1, 2, x.generation desc`,
  );
  const newest = new Map(rows.map(({ key, job_id }) => [key, `#${job_id}`]));
  for (const [full, { text }] of world.oracle.holders()) expect(newest.get(full), `the holder of ${full}`).toBe(text);
}

/** At most one result of a run, and one row of a run in each table, over all segments. */
async function verifyRows(world: World): Promise<void> {
  for (const table of ['result', 'entry', 'delayed']) {
    const twice = await world.rows(
      `select queue_id, job_id, run from S.${table} where queue_id > 0 group by 1, 2, 3 having count(*) > 1`,
    );
    expect(twice, `rows of ${table} that are there twice`).toEqual([]);
  }
  const cursors = await world.rows(
    `select queue_id, lane, n from S.lease where queue_id > 0 group by 1, 2, 3 having count(*) > 1`,
  );
  expect(cursors, 'leases that are there twice').toEqual([]);
}
