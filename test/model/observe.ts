import { expect } from 'vitest';
import type { Job } from './oracle/job.js';
import type { World } from './world.js';

interface Row {
  queue_id: number;
  key: string;
  run: number;
  lane: number;
  txid: string;
  attempt: number;
  max_attempts: number;
  lost: number;
  name: string;
  payload: string;
  priority: number;
  run_at: string | null;
}

const COLUMNS = `x.queue_id, x.job_id::text as key, x.run, x.lane, x.txid::text, x.attempt, x.max_attempts, x.lost, x.name, x.payload,
  coalesce((x.options->>'priority')::int, 0) as priority`;
const NO_RESULT = `not exists (select from S.result r where r.queue_id = x.queue_id and r.job_id = x.job_id and r.run = x.run)`;
/** Every run that has not ended, where it stands. */
const OPEN_RUNS = `
select ${COLUMNS}, null as run_at from S.entry x where x.queue_id > 0 and ${NO_RESULT}
union all
select ${COLUMNS}, (extract(epoch from x.run_at) * 1000000)::bigint::text from S.delayed x where x.queue_id > 0 and ${NO_RESULT}
   and not exists (select from S.entry e where e.queue_id = x.queue_id and e.job_id = x.job_id and e.run = x.run)`;

/**
 * Compares the rows of the log with what should be there: each living job has one run that has not ended, in one row, at
 * its place; nobody else has, but for what was drained.
 */
export async function observe(world: World): Promise<void> {
  const { oracle } = world;
  if (oracle.queues.some(({ specials }) => [...specials.values()].includes(undefined))) await readLanes(world);
  const rows = await world.rows<Row>(OPEN_RUNS);
  for (const queue of oracle.queues) {
    const unseen = new Set([...queue.jobs.values()].filter((job) => job.alive && job.addedIn === undefined));
    for (const row of rows.filter(({ queue_id }) => queue_id === queue.queue.id)) {
      const job = queue.jobs.get(row.key);
      if (job !== undefined && unseen.delete(job)) compareRow(job, row);
      else
        expect(
          queue.drained,
          `a run in the log that should not be: #${row.key}.${row.run} in lane ${row.lane}`,
        ).toContain(`${row.key}.${row.run}`);
    }
    expect(
      [...unseen].map(({ text, state, run }) => `${text}.${run} ${state}`),
      `lost from ${queue.text}`,
    ).toEqual([]);
  }
}

function compareRow(job: Job, row: Row): void {
  job.txid ??= BigInt(row.txid);
  if (job.state === 'delayed') job.runAt ??= BigInt(row.run_at!);
  const { run, attempt, lost, maxAttempts, name, data, priority, txid } = job;
  expect(
    {
      ...row,
      delayed: row.run_at !== null,
      txid: BigInt(row.txid),
      run_at: row.run_at === null ? undefined : BigInt(row.run_at),
    },
    `the row of ${job.text}`,
  ).toMatchObject({
    run,
    attempt,
    lost,
    max_attempts: maxAttempts,
    name,
    payload: data,
    priority,
    txid,
    run_at: job.runAt,
    delayed: job.state === 'delayed',
    lane: job.queue.number(job.lane),
  });
}

/** The numbers of special lanes that are new. */
async function readLanes(world: World): Promise<void> {
  const rows = await world.rows('select queue_id, lane, kind, name, priority from S.lane');
  for (const { queue, specials } of world.oracle.queues) {
    for (const { queue_id, lane, kind, name, priority } of rows) {
      const key = `${kind}:${name}:${priority}`;
      if (queue_id !== queue.id) continue;
      expect([...specials.keys()], 'a special lane that nobody needed').toContain(key);
      specials.set(key, lane);
    }
  }
}
