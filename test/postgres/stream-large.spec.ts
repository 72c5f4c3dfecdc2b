import { expect, it } from 'vitest';
import { buffers } from '../support/buffers.js';
import { testEngine } from '../support/engine.js';
import { ack, idsOf, take, takeIds, TestStream } from '../support/streams.js';

// other sessions' transactions would be in its snapshots, and cost reads
const engine = testEngine({ alone: true });

it('batches are cut by the bytes of data and headers, exactly, wherever the large ones lie', async () => {
  const [stream, worker] = [await TestStream.make(engine), await engine.worker()];
  const group = await stream.group('g');
  // data of so many bytes, with its quotes, and headers
  const sizes = [10, 900, 80, 2000, 2000, 10, 10, 980, 30, 30, 600, 600];
  const ids = await stream.publish(
    engine.main,
    ...sizes.map((size, i) =>
      i === 7 ? { data: '', headers: { h: 'x'.repeat(size) } } : { data: 'x'.repeat(size - 2) },
    ),
  );
  const batches: string[][] = [];
  for (let some; (some = await takeIds(worker, group, { maxBytes: 1000, limit: 10 })).length > 0;) batches.push(some);
  const lengths = [3, 1, 1, 2, 1, 3, 1];
  const at = lengths.map((_, i) => lengths.slice(0, i).reduce((sum, n) => sum + n, 0));
  expect(batches).toEqual(lengths.map((length, i) => ids.slice(at[i], at[i]! + length)));
});

it('events that are together larger than any text may be do not stop a group', async () => {
  const [stream, worker] = [await TestStream.make(engine), await engine.worker()];
  const group = await stream.group('g', 'start');
  const insert = `insert into ${engine.s}.event_0 (stream_id, published_at, type, payload)`;
  await engine.rows(`${insert} select $1, now(), 'large', '"' || repeat('x', 1000000) || '"'`, [group.streamId]);
  // a copy is not compressed anew
  await engine.rows(
    `${insert} select e.stream_id, e.published_at, e.type, e.payload from ${engine.s}.event_0 e, generate_series(1, 1100) where e.stream_id = $1`,
    [group.streamId],
  );
  const { batch, more } = await take(worker, group, { maxBytes: 3_500_000, limit: 2000 });
  expect([batch!.events.length, batch!.events[0]!.data.length, more]).toEqual([3, 1_000_002, true]);
}, 60_000);

it('a batch is read again for what it holds, not for all that waits behind it', async () => {
  const [stream, worker] = [await TestStream.make(engine), await engine.worker()];
  const group = await stream.group('g');
  const again = async (): Promise<number> => {
    const { batch } = await take(worker, group, { limit: 10 });
    const cost = await buffers(engine.main, async () =>
      engine.main.client.query(`select * from ${engine.s}.batch_events($1, $2, $3)`, [
        group.id,
        batch!.lease.lane,
        batch!.lease.n,
      ]),
    );
    await ack(worker, group, batch!);
    return cost;
  };
  await stream.publish(engine.main, ...Array.from({ length: 20 }, () => ({})));
  await again();
  const alone = await again();
  // in one transaction, and in many
  await stream.publish(engine.main, ...Array.from({ length: 20_000 }, () => ({ data: 'x'.repeat(100) })));
  for (let i = 0; i < 500; i++) await stream.publish(engine.main, ...Array.from({ length: 10 }, () => ({})));
  expect(await again()).toBeLessThanOrEqual(alone + 5);
  const last = await take(worker, group, { limit: 30 });
  await stream.publish();
  const [first] = last.batch!.events;
  const reread = await engine.rows(`select ids from ${engine.s}.batch_events($1, $2, $3)`, [
    group.id,
    last.batch!.lease.lane,
    last.batch!.lease.n,
  ]);
  const ids = reread.flatMap((row: { ids: string }) => row.ids.slice(1, -1).split(','));
  expect(ids).toEqual(idsOf(last.batch!.events));
  expect(ids[0]).toBe(first!.id);
});
