import { expect, it } from 'vitest';
import { many, testEngine } from '../support/engine.js';

const engine = testEngine();

it('claims use the memory again that the claims before have freed: a page fault each at most', async () => {
  const queue = await engine.queue();
  const { id, session } = await engine.worker();
  const { client, work } = session;
  let faults = 0;
  client.on('notice', ({ detail }) => {
    faults += Number(/\d+\/(\d+) \[\d+\/\d+\] page faults\/reclaims/.exec(detail ?? '')?.[1] ?? 0);
  });
  await engine.main.add(queue, ...many(300));
  const claim = async (claimNo: number) => {
    const request = { queueId: queue.id, claimNo, want: 1, maxBytes: 1e6, lanes: [0], names: ['job'] };
    const { runs } = await work.claim(id, { ...request, again: false, full: null, suspect: false, places: null });
    expect(runs).toHaveLength(1);
  };
  for (let n = 1; n <= 100; n++) await claim(n);
  const { rows } = await client.query(`select current_setting('nestjs.keeps_memory', true) as kept`);
  expect(rows, 'once in a session, and not in each claim').toEqual([{ kept: '500000' }]);
  await client.query('set client_min_messages = log; set log_statement_stats = on');
  for (let n = 101; n <= 300; n++) await claim(n);
  await client.query('reset log_statement_stats; reset client_min_messages');
  expect(faults).toBeGreaterThan(0);
  expect(faults).toBeLessThanOrEqual(200);
});
