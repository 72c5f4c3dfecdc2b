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

/** After how many seconds that is to be retried which was nacked in the transaction that is open. */
const delays = async (queue: string) =>
  pgque().rows<{ delay: number }>(
    `select extract(epoch from ev_retry_after - now())::float as delay
      from pgque.retry_queue join pgque.queue on queue_id = ev_queue where queue_name = $1`,
    [queue],
  );

describe.skipIf(!hasPgque)("PgQue shim on Debian's PgQ (pgq_pl_only.sql): nack()", () => {
  it('R25: nack() refuses a batch that there is not, and a message that is not in it', async () => {
    const [queue, batch] = await received(['x']);
    const [message] = batch;
    await expect(pgque().nack({ ...message!, batch_id: '-1' })).rejects.toThrow('batch not found: -1');
    for (const msg_id of ['-1', null]) {
      await expect(pgque().nack({ ...message!, msg_id })).rejects.toThrow(
        `msg_id ${msg_id ?? '<NULL>'} not found in batch ${message!.batch_id}`,
      );
    }
    await ack(batch);
    await expect(pgque().nack(message!)).rejects.toThrow(`batch not found: ${message!.batch_id}`);
    await pgque().retryAll(queue);
    expect(await pgque().drain(queue)).toEqual([]);
  });

  it('R25: nack() goes by the event that is stored, and not by what the message says of it', async () => {
    const [queue, batch] = await received(['true'], ['consumer'], { max_retries: '1' });
    await pgque().rows(
      `select pgque.nack($1, row($2::bigint, -1, 'forged', 'forged', 99, now(), 'f', 'f', 'f', 'f')::pgque.message, '0 s')`,
      [batch[0]!.batch_id, batch[0]!.msg_id],
    );
    await ack(batch);
    await pgque().retryAll(queue);
    expect(await pgque().receive(queue)).toMatchObject([
      { type: 'default', payload: 'true', retry_count: 1, extra1: null },
    ]);
  });

  it('R26: a message that is nacked comes again to that consumer alone: the same, one retry older', async () => {
    const [queue, batch] = await received(['a', 'b'], ['one', 'two']);
    expect(await pgque().nack(batch[1]!)).toBe(1);
    await ack(batch);
    expect(payloadsOf(await pgque().drain(queue, 'two'))).toEqual(['a', 'b']);
    await pgque().retryAll(queue);
    const { batch_id: _, ...unchanged } = batch[1]!;
    expect(await pgque().receive(queue, 'one')).toMatchObject([{ ...unchanged, retry_count: 1 }]);
    expect(await pgque().drain(queue, 'two')).toEqual([]);
  });

  it('R26: it comes after its delay, which is a minute unless it is told', async () => {
    const [queue, batch] = await received(['x']);
    await pgque().rows('begin');
    await pgque().rows(
      `select pgque.nack($1, row($2::bigint, null, null, null, null, null, null, null, null, null)::pgque.message)`,
      [batch[0]!.batch_id, batch[0]!.msg_id],
    );
    expect(await delays(queue)).toEqual([{ delay: 60 }]);
    await pgque().rows('commit');
    await ack(batch);
    expect(await pgque().call('maint_retry_events')).toBe(0);
    await pgque().rows(`update pgque.retry_queue set ev_retry_after = ev_retry_after - interval '60 s'`);
    expect(await pgque().call('maint_retry_events')).toBe(1);
  });

  it.each([
    ['0.4 s', 0],
    ['0.5 s', 1],
    ['1.49 s', 1],
    ['2 days', 172_800],
  ])('R26: a delay is rounded to seconds: %s is %i', async (after, delay) => {
    const [queue, batch] = await received(['x']);
    await pgque().rows('begin');
    await pgque().nack(batch[0]!, { after });
    expect(await delays(queue)).toEqual([{ delay }]);
    await pgque().rows('rollback');
    await expect(pgque().nack(batch[0]!, { after: null })).rejects.toMatchObject({ code: '23502' });
  });

  it('R26: of two nacks of a message in its batch the first one’s delay stands', async () => {
    const [queue, batch] = await received(['x']);
    await pgque().rows('begin');
    expect(await pgque().nack(batch[0]!, { after: '10 s' })).toBe(1);
    expect(await pgque().nack(batch[0]!, { after: '5 s' })).toBe(1);
    expect(await delays(queue)).toEqual([{ delay: 10 }]);
    await pgque().rows('rollback');
  });

  it('R26: a message that is nacked again after it was moved back comes twice, and nacked then never more', async () => {
    const [queue, batch] = await received(['x']);
    await pgque().nack(batch[0]!);
    await pgque().call('maint_retry_events');
    await pgque().nack(batch[0]!);
    await ack(batch);
    await pgque().retryAll(queue);
    const twice = await pgque().receive(queue);
    const again = { msg_id: batch[0]!.msg_id, payload: 'x', retry_count: 1 };
    expect(twice).toMatchObject([again, again]);
    // upstream's event_retry() inserts both, and takes the conflict for one that is queued already
    expect(await pgque().nack(twice[0]!)).toBe(1);
    await ack(twice);
    await pgque().retryAll(queue);
    expect(await pgque().drain(queue)).toEqual([]);
  });

  it('R26: a message that is nacked, and its batch not acked, is in the batch as well as on its way back', async () => {
    const [queue, batch] = await received(['x']);
    await pgque().nack(batch[0]!);
    expect(await pgque().receive(queue)).toEqual(batch);
    await ack(batch);
    await pgque().retryAll(queue);
    expect(await pgque().receive(queue)).toMatchObject([{ retry_count: 1 }]);
  });
});
