import { describe, expect, it } from 'vitest';
import { hasPgque } from './shim/install-pgque.js';
import { payloadsOf, pgqueDatabase, untilBlocked } from './shim/pgque-database.js';

const database = pgqueDatabase();
const pgque = () => database.main;

/** A queue with a batch to be received, of so many messages. */
async function batch(size = 3, consumers = ['consumer']): Promise<string> {
  const queue = await pgque().queue(consumers);
  await pgque().send(queue, ...Array.from({ length: size }, (_, i) => `${i}`));
  await pgque().tick(queue);
  return queue;
}

describe.skipIf(!hasPgque)("PgQue shim on Debian's PgQ (pgq_pl_only.sql): batches", () => {
  it('R23: a batch that is not acked comes again, the same rows under the same id, and none before it is', async () => {
    const queue = await batch();
    const first = await pgque().receive(queue);
    expect(payloadsOf(first)).toEqual(['0', '1', '2']);
    await pgque().send(queue, 'later');
    await pgque().tick(queue);
    expect(await pgque().receive(queue)).toEqual(first);
    await pgque().call('ack', first[0]!.batch_id);
    const next = await pgque().receive(queue);
    expect(payloadsOf(next)).toEqual(['later']);
    expect(next[0]!.batch_id).not.toBe(first[0]!.batch_id);
  });

  it('R23: a batch whose receiver was cut off comes to the next receiver, as new as before', async () => {
    const queue = await batch();
    const killed = await database.session();
    const first = await killed.receive(queue);
    const pid = await killed.value<number>('select pg_backend_pid()');
    await pgque().rows('select pg_terminate_backend($1, 10000)', [pid]);
    const again = await pgque().receive(queue);
    expect(again).toEqual(first);
    expect(again.map(({ retry_count }) => retry_count)).toEqual([null, null, null]);
  });

  it('R23: a batch that was received and acked in a transaction that is rolled back comes under another id', async () => {
    const queue = await batch();
    await pgque().rows('begin');
    const [first] = await pgque().receive(queue);
    expect(await pgque().call('ack', first!.batch_id)).toBe(1);
    await pgque().rows('rollback');
    const again = await pgque().receive(queue);
    expect(payloadsOf(again)).toEqual(['0', '1', '2']);
    expect(again[0]!.batch_id).not.toBe(first!.batch_id);
    expect(await pgque().call('ack', first!.batch_id)).toBe(0);
  });

  it.each([
    ['commits, and gets the same batch', 'commit', true],
    ['rolls back, and opens one of its own', 'rollback', false],
  ])('R23: of two receivers by one name the second waits until the first one %s', async (_, ending, same) => {
    const queue = await batch();
    const [one, two] = [await database.session(), await database.session()];
    await one.rows('begin');
    const first = await one.receive(queue);
    const waiting = two.receive(queue);
    await untilBlocked(two, pgque());
    await one.rows(ending);
    const second = await waiting;
    expect(payloadsOf(second)).toEqual(['0', '1', '2']);
    expect(second[0]!.batch_id === first[0]!.batch_id).toBe(same);
  });

  it('R24: every consumer receives every event, which is stored once, and acks for himself', async () => {
    const queue = await batch(3, ['one', 'two']);
    const [one] = await pgque().receive(queue, 'one');
    expect(await pgque().call('ack', one!.batch_id)).toBe(1);
    expect(await pgque().receive(queue, 'one')).toEqual([]);
    const two = await pgque().receive(queue, 'two');
    expect(payloadsOf(two)).toEqual(['0', '1', '2']);
    expect(two[0]!.msg_id).toBe(one!.msg_id);
    expect(two[0]!.batch_id).not.toBe(one!.batch_id);
    const parent = await pgque().value('select queue_data_pfx from pgque.queue where queue_name = $1', [queue]);
    expect(await pgque().value(`select count(*) from ${parent}`)).toBe('3');
  });

  it('R25: ack() returns 1 once, then 0 and a warning, as it does for an id that there is not', async () => {
    const queue = await batch();
    const [message] = await pgque().receive(queue);
    const said: (string | undefined)[] = [];
    pgque().client.on('notice', ({ severity }) => said.push(severity));
    const acks: number[] = [];
    for (const id of [message!.batch_id, message!.batch_id, '-1', null]) acks.push(await pgque().call('ack', id));
    expect(acks).toEqual([1, 0, 0, 0]);
    expect(said).toEqual(['WARNING', 'WARNING', 'WARNING']);
    expect(await pgque().receive(queue)).toEqual([]);
  });

  it('R25: ack() after a receive() of a part finishes the whole batch: the rest never comes', async () => {
    const queue = await batch(5);
    const part = await pgque().receive(queue, 'consumer', 2);
    expect(payloadsOf(part)).toEqual(['0', '1']);
    expect(await pgque().receive(queue, 'consumer', 2)).toEqual(part);
    await pgque().call('ack', part[0]!.batch_id);
    await pgque().tick(queue);
    expect(await pgque().drain(queue)).toEqual([]);
  });

  it('R25: receive() returns 100 unless it is told, and refuses a maximum below 1', async () => {
    const queue = await batch(101);
    expect(await pgque().rows(`select * from pgque.receive($1, 'consumer')`, [queue])).toHaveLength(100);
    expect(await pgque().receive(queue, 'consumer', null)).toHaveLength(101);
    for (const max of [0, -1]) {
      await expect(pgque().receive(queue, 'consumer', max)).rejects.toThrow(
        `pgque.receive: max_return must be >= 1, got ${max}`,
      );
    }
  });

  it('R25: who is not subscribed, or to no queue, is refused', async () => {
    const queue = await batch();
    await expect(pgque().receive(queue, 'other')).rejects.toThrow(`Not subscriber to queue: ${queue}/other`);
    await expect(pgque().receive('none')).rejects.toThrow('Not subscriber to queue: none/consumer');
    await expect(pgque().rows('select * from pgque.get_batch_events(-1)')).rejects.toThrow('batch not found');
  });

  it('R29: an empty window is finished by the receive() that finds it, one per call, and what is behind comes', async () => {
    const queue = await pgque().queue();
    for (let i = 0; i < 5; i++) await pgque().tick(queue);
    await pgque().send(queue, 'x');
    await pgque().tick(queue);
    const last = async () => Number(await pgque().value('select last_tick from pgque.get_consumer_info($1)', [queue]));
    const begun = await last();
    for (let i = 1; i <= 5; i++) {
      expect(await pgque().receive(queue)).toEqual([]);
      expect(await last()).toBe(begun + i);
    }
    expect(payloadsOf(await pgque().receive(queue))).toEqual(['x']);
    expect(await last()).toBe(begun + 5);
  });
});
