import { expect, it } from 'vitest';
import { testEngine } from '../support/engine.js';
import { until } from '../support/signals.js';
import { takeIds, TestStream } from '../support/streams.js';

const engine = testEngine();

it('taking over a log from elsewhere and changing its jobs at the same moment do not lock each other out', async () => {
  const [adopting, changing] = [await engine.session(), await engine.session()];
  const { s } = engine;
  // as update_data() and its like: the tables, then the guard
  await changing.client.query(`begin; lock table ${s}.entry_0 in row exclusive mode`);
  const adopted = adopting.client.query(`select ${s}.adopt(true)`);
  await until(
    'it to wait',
    async () =>
      (await engine.rows(`select from pg_locks where not granted and relation = '${s}.entry_0'::regclass`)).length > 0,
  );
  await changing.client.query(`select pg_advisory_xact_lock_shared(${s}.lock_key('guard'))`);
  await changing.client.query('commit');
  expect((await adopted).rows).toEqual([{ adopt: false }]);
});

it('events of a log from elsewhere come again to each group, in their order, and what is published here comes behind them', async () => {
  const [stream, worker] = [await TestStream.make(engine), await engine.worker()];
  const group = await stream.group('g');
  const ids = [...(await stream.publish(engine.main, {}, {})), ...(await stream.publish())];
  expect(await takeIds(worker, group)).toEqual(ids);
  // as a cluster wrote it whose counter was far ahead
  const ahead = 1_000_000_000;
  for (const segment of [0, 1, 2]) {
    await engine.rows(
      `update ${engine.s}.event_${segment} set txid = (txid::text::bigint + ${ahead})::text::xid8 where stream_id > 0`,
    );
    await engine.rows(
      `update ${engine.s}.lease_${segment} set s1 = format('%1$s:%1$s:', pg_snapshot_xmax(s1)::text::bigint + ${ahead})::pg_snapshot where queue_id > 0`,
    );
  }
  await engine.rows(`update ${engine.s}.installation set system_identifier = 1`);
  const later = await stream.publish();
  expect(await engine.rows(`select ${engine.s}.adopt()`)).toEqual([{ adopt: true }]);
  const latest = await stream.publish();
  expect(await takeIds(worker, group)).toEqual([...ids, ...later, ...latest]);
  expect(Number(latest[0])).toBeGreaterThan(Number(ids.at(-1)));
});
