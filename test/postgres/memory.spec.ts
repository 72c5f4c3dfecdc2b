import type pg from 'pg';
import { expect, it } from 'vitest';
import { many, testEngine } from '../support/engine.js';
import { take, TestStream } from '../support/streams.js';

const engine = testEngine();

/** The page faults of all statements that some work sends on a connection. */
async function faultsOf(client: pg.Client, work: () => Promise<void>): Promise<number> {
  let faults = 0;
  client.on('notice', ({ detail }) => {
    faults += Number(/\d+\/(\d+) \[\d+\/\d+\] page faults\/reclaims/.exec(detail ?? '')?.[1] ?? 0);
  });
  await client.query('set client_min_messages = log; set log_statement_stats = on');
  await work();
  await client.query('reset log_statement_stats; reset client_min_messages');
  return faults;
}

it('claims use the memory again that the claims before have freed: a page fault each at most', async () => {
  const queue = await engine.queue();
  const { id, session } = await engine.worker();
  const { client, work } = session;
  await engine.main.add(queue, ...many(300));
  const claim = async (claimNo: number) => {
    const request = { queueId: queue.id, claimNo, want: 1, maxBytes: 1e6, lanes: [0], names: ['job'] };
    const { runs } = await work.claim(id, { ...request, again: false, full: null, suspect: false, places: null });
    expect(runs).toHaveLength(1);
  };
  for (let n = 1; n <= 100; n++) await claim(n);
  const { rows } = await client.query(`select current_setting('nestjs.keeps_memory', true) as kept`);
  expect(rows, 'once in a session, and not in each claim').toEqual([{ kept: '500000' }]);
  const faults = await faultsOf(client, async () => {
    for (let n = 101; n <= 300; n++) await claim(n);
  });
  expect(faults).toBeGreaterThan(0);
  expect(faults).toBeLessThanOrEqual(200);
});

it('batches of events use the memory again that the batches before have freed', async () => {
  const stream = await TestStream.make(engine);
  const group = await stream.group('g', 'start');
  const worker = await engine.worker();
  const batches = async (count: number) => {
    for (let i = 0; i < count; i++) expect((await take(worker, group, { limit: 500 })).batch?.events).toHaveLength(500);
  };
  const data = 'x'.repeat(400);
  for (let i = 0; i < 40; i++) await stream.publish(engine.main, ...many(500).map(() => ({ data })));
  await batches(20);
  const faults = await faultsOf(worker.session.client, () => batches(20));
  // several hundred each without: 200 KB are copied some times on their way
  expect(faults / 20).toBeLessThanOrEqual(30);
});
