import { describe, expect, it } from 'vitest';
import { hasPgque } from './shim/install-pgque.js';
import { type Message, payloadsOf, pgqueDatabase } from './shim/pgque-database.js';

const database = pgqueDatabase();
const pgque = () => database.main;

/** A queue, and a batch of it that was received. */
async function received(payloads: string[], consumers = ['consumer'], config = {}): Promise<[string, Message[]]> {
  const queue = await pgque().queue(consumers, config);
  await pgque().send(queue, ...payloads);
  await pgque().tick(queue);
  return [queue, await pgque().receive(queue, consumers[0])];
}

const ack = async ([message]: Message[]) => pgque().call<number>('ack', message!.batch_id);

describe.skipIf(!hasPgque)("PgQue shim on Debian's PgQ (pgq_pl_only.sql): retries", () => {
  it.each([
    [null, 6],
    ['0', 1],
    ['1', 2],
    ['3', 4],
  ])('R27: with max_retries %s a message comes %i times, and is dead then', async (retries, times) => {
    const [queue, batch] = await received(['x'], ['consumer'], retries === null ? {} : { max_retries: retries });
    const counts: (number | null)[] = [];
    let now = batch;
    while (now.length > 0) {
      counts.push(now[0]!.retry_count);
      await pgque().nack(now[0]!, { reason: `failed ${counts.length}` });
      await ack(now);
      await pgque().retryAll(queue);
      now = await pgque().receive(queue);
    }
    expect(counts).toEqual([null, 1, 2, 3, 4, 5].slice(0, times));
    expect(await pgque().rows('select * from pgque.dlq_inspect($1)', [queue])).toMatchObject([
      { ev_id: batch[0]!.msg_id, ev_data: 'x', ev_retry: counts.at(-1), dl_reason: `failed ${times}` },
    ]);
  });

  it('R27: a message that is nacked to death twice is one dead letter, and has a reason without one', async () => {
    const [queue, batch] = await received(['x'], ['consumer'], { max_retries: '0' });
    expect([await pgque().nack(batch[0]!), await pgque().nack(batch[0]!, { reason: 'other' })]).toEqual([1, 1]);
    const letters = await pgque().rows('select dl_reason from pgque.dlq_inspect($1)', [queue]);
    expect(letters).toEqual([{ dl_reason: 'max retries exceeded' }]);
  });

  it('R43: maint_retry_events() moves ten that are due, those due longest first, and is called until it returns 0', async () => {
    const [queue, batch] = await received(Array.from({ length: 25 }, (_, i) => `${i}`));
    // the later ones are due earlier
    for (const [i, message] of batch.entries()) await pgque().nack(message, { after: `${-i} s` });
    await ack(batch);
    const moved: number[] = [];
    for (let i = 0; i < 4; i++) {
      moved.push(await pgque().call<number>('maint_retry_events'));
      await pgque().tick(queue);
    }
    expect(moved).toEqual([10, 10, 5, 0]);
    expect(payloadsOf(await pgque().drain(queue)).map(Number)).toEqual([
      ...Array.from({ length: 10 }, (_, i) => 15 + i),
      ...Array.from({ length: 10 }, (_, i) => 5 + i),
      ...Array.from({ length: 5 }, (_, i) => i),
    ]);
  });

  it('R43: what is moved back lets the ticker tick, without a new event', async () => {
    const [queue, batch] = await received(['x'], ['consumer'], { ticker_max_count: '1' });
    await pgque().nack(batch[0]!);
    await ack(batch);
    expect(await pgque().call('ticker', queue)).toBe(null);
    await pgque().call('maint_retry_events');
    expect(await pgque().call('ticker', queue)).not.toBe(null);
    expect(await pgque().receive(queue)).toHaveLength(1);
  });
});
