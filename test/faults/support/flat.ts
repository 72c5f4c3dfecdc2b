import { expect } from 'vitest';
import { until } from '../../support/signals.js';
import type { FaultTest } from './fault-test.js';
import { sleep } from './setting.js';

/** Jobs in a second: what a machine of two processors bears beside everything else. */
const RATE = 800;
const BATCH = 100;

export interface Pace {
  /** Jobs completed in a second. */
  readonly rate: number;
  /** Blocks touched for each in the queue's tables and indexes. */
  readonly blocks: number;
  /** The same by table. */
  readonly byTable: ReadonlyMap<string, number>;
}

/** Jobs of the queue that have completed. It reads all of their results. */
async function completed({ database: { client, schema } }: FaultTest, queue: string): Promise<number> {
  const { rows } = await client.query(
    `select count(*)::int as n from ${schema}.result r join ${schema}.queue q using (queue_id) where q.name = $1 and r.state = 'c'`,
    [queue],
  );
  return rows[0].n;
}

/** Runs jobs through the queue in batches for a while, and counts what the server touches for them. */
export async function pace(fault: FaultTest, queue: string, ms: number): Promise<Pace> {
  const { client, schema } = fault.database;
  const jobs = (await fault.producer()).queue(queue);
  const batch = Array.from({ length: BATCH }, () => ({ name: 'quick', data: { k: 'quick' } }));
  const done = async (): Promise<number> => completed(fault, queue);
  const blocks = async (): Promise<Map<string, number>> => {
    await client.query('select pg_stat_force_next_flush()');
    const { rows } = await client.query(
      `select relname, (heap_blks_hit + heap_blks_read + coalesce(idx_blks_hit, 0) + coalesce(idx_blks_read, 0))::float8 as n
from pg_statio_user_tables where schemaname = $1`,
      [schema],
    );
    return new Map(rows.map(({ relname, n }) => [relname, n]));
  };
  const [from, touched, began] = [await done(), await blocks(), performance.now()];
  let added = 0;
  while (performance.now() - began < ms) {
    await jobs.addBulk(batch);
    added += batch.length;
    await sleep(Math.max(0, began + (added / RATE) * 1000 - performance.now()));
  }
  const seconds = (performance.now() - began) / 1000;
  // a session that has nothing to do tells its statistics within ten seconds; by then the last jobs are done
  await sleep(10_500);
  const touchedBy = await blocks();
  // counted afterwards: it touches more the more has been done
  await until('all to be done', async () => (await done()) - from === added, 30_000);
  fault.report.jobs(added);
  const byTable = new Map(
    [...touchedBy].map(([table, n]) => [table, (n - (touched.get(table) ?? 0)) / added] as const),
  );
  return { rate: added / seconds, blocks: [...byTable.values()].reduce((sum, n) => sum + n, 0), byTable };
}

/** Dead rows that vacuum would have to remove, by table; of the tables that every job goes through. */
export async function deadRows({ database: { client, schema } }: FaultTest): Promise<Record<string, number>> {
  const { rows } = await client.query(
    `select relname, n_dead_tup::int as n from pg_stat_user_tables where schemaname = $1 and n_dead_tup > 0
and relname ~ '^(entry|delayed|lease|result|pulse|unique_key|custom_id)_'`,
    [schema],
  );
  return Object.fromEntries(rows.map(({ relname, n }) => [relname, n]));
}

/** As fast, and as cheap, as before. */
export function expectFlat(fault: FaultTest, before: Pace, during: Pace): void {
  const numbers = (of: Pace): string => `${of.rate.toFixed(0)} jobs/s at ${of.blocks.toFixed(2)} blocks each`;
  fault.report.note(`before ${numbers(before)}, meanwhile ${numbers(during)}`);
  const grown = [...during.byTable]
    .map(([table, n]) => ({ table, by: n - (before.byTable.get(table) ?? 0) }))
    .toSorted((a, b) => b.by - a.by)
    .slice(0, 4)
    .map(({ table, by }) => `${table} +${by.toFixed(2)}`);
  expect(during.rate).toBeGreaterThan(before.rate * 0.95);
  expect(during.blocks, `blocks for each job; most grown: ${grown.join()}`).toBeLessThan(before.blocks * 1.2);
}
