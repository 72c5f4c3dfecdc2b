import { describe, expect, it } from 'vitest';
import { hasPgque } from './shim/install-pgque.js';
import { payloadsOf, pgqueDatabase, untilBlocked } from './shim/pgque-database.js';

const database = pgqueDatabase();
const pgque = () => database.main;

const subscriptionsOf = async (queue: string) =>
  (await pgque().rows<{ consumer_name: string }>('select consumer_name from pgque.get_consumer_info($1)', [queue])).map(
    ({ consumer_name }) => consumer_name,
  );

describe.skipIf(!hasPgque)("PgQue shim on Debian's PgQ (pgq_pl_only.sql): queues and subscriptions", () => {
  it('R42: create_queue() returns 1 once and then 0, and so does subscribe()', async () => {
    expect([await pgque().call('create_queue', 'r42'), await pgque().call('create_queue', 'r42')]).toEqual([1, 0]);
    await expect(pgque().call('create_queue', null)).rejects.toThrow('Invalid NULL value');
    const subscribed: number[] = [];
    for (const consumer of ['one', 'one', 'two']) subscribed.push(await pgque().call('subscribe', 'r42', consumer));
    expect(subscribed).toEqual([1, 0, 1]);
    expect(await subscriptionsOf('r42')).toEqual(['one', 'two']);
  });

  // upstream's race, which a client has to take for "exists already"
  it.each([
    ['create a queue', 'create_queue', ['a race']],
    ['subscribe a consumer', 'subscribe', ['queue of a race', 'a race']],
  ])(
    'R42: of two that %s at once the later fails with 23505, and is told 0 when it tries again',
    async (_, name, params) => {
      await pgque().call('create_queue', 'queue of a race');
      const [one, two] = [await database.session(), await database.session()];
      await one.rows('begin');
      expect(await one.call(name, ...params)).toBe(1);
      const second = two.call(name, ...params).catch((error: { code: string }) => error.code);
      await untilBlocked(two, pgque());
      await one.rows('commit');
      expect(await second).toBe('23505');
      expect(await two.call(name, ...params)).toBe(0);
    },
  );

  it('R46: a subscription begins at the last tick: what committed since comes, and what was before does not', async () => {
    const queue = await pgque().queue([]);
    await pgque().send(queue, 'before the tick');
    await pgque().tick(queue);
    await pgque().send(queue, 'before the subscription');
    await pgque().call('subscribe', queue, 'late');
    await pgque().send(queue, 'after');
    await pgque().tick(queue);
    expect(payloadsOf(await pgque().drain(queue, 'late'))).toEqual(['before the subscription', 'after']);
    await expect(pgque().call('subscribe', 'none', 'late')).rejects.toThrow('Event queue not created yet');
  });

  it('R46: register_consumer_at() begins at any tick that is kept', async () => {
    const queue = await pgque().queue([]);
    const ticks: string[] = [];
    for (const payload of ['1', '2', '3']) {
      await pgque().send(queue, payload);
      ticks.push(await pgque().tick(queue));
    }
    expect(await pgque().call('register_consumer_at', queue, 'consumer', ticks[0])).toBe(1);
    expect(payloadsOf(await pgque().drain(queue))).toEqual(['2', '3']);
    await expect(pgque().call('register_consumer_at', queue, 'other', 99)).rejects.toThrow(
      'cannot reposition, tick not found: 99',
    );
    expect(await subscriptionsOf(queue)).toEqual(['consumer']);
  });

  it('R46: register_consumer_at() moves a consumer that there is, returns 0, and drops its batch', async () => {
    const queue = await pgque().queue();
    for (const payload of ['1', '2']) {
      await pgque().send(queue, payload);
      await pgque().tick(queue);
    }
    const [first] = await pgque().receive(queue);
    await pgque().call('ack', first!.batch_id);
    const [second] = await pgque().receive(queue);
    expect(await pgque().call('register_consumer_at', queue, 'consumer', 1)).toBe(0);
    expect(await pgque().call('ack', second!.batch_id)).toBe(0);
    expect(payloadsOf(await pgque().drain(queue))).toEqual(['1', '2']);
  });

  it('R47: unsubscribe() returns how many it removed, and deletes their batch and what waited for its retry', async () => {
    const queue = await pgque().queue(['one', 'two']);
    await pgque().send(queue, 'x');
    await pgque().tick(queue);
    const batch = await pgque().receive(queue, 'one');
    await pgque().nack(batch[0]!);
    const removed: number[] = [];
    for (const name of [queue, queue, 'none']) removed.push(await pgque().call('unsubscribe', name, 'one'));
    expect(removed).toEqual([1, 0, 0]);
    expect(await pgque().call('ack', batch[0]!.batch_id)).toBe(0);
    expect(await pgque().value('select count(*) from pgque.retry_queue')).toBe('0');
    expect(await subscriptionsOf(queue)).toEqual(['two']);
    await expect(pgque().receive(queue, 'one')).rejects.toThrow(`Not subscriber to queue: ${queue}/one`);
  });

  it('R47: a consumer’s dead letters go when it is subscribed to no queue any more', async () => {
    const queues = [await pgque().queue([], { max_retries: '0' }), await pgque().queue([])];
    for (const queue of queues) await pgque().call('subscribe', queue, 'on both');
    await pgque().send(queues[0]!, 'x');
    await pgque().tick(queues[0]!);
    const [message] = await pgque().receive(queues[0]!, 'on both');
    await pgque().nack(message!);
    const letters = async () => pgque().value('select count(*) from pgque.dlq_inspect($1)', [queues[0]]);
    await pgque().call('unsubscribe', queues[0], 'on both');
    expect(await letters()).toBe('1');
    await pgque().call('unsubscribe', queues[1], 'on both');
    expect(await letters()).toBe('0');
  });

  it('R47: a queue that has subscriptions is dropped by force alone, with its tables and dead letters', async () => {
    const queue = await pgque().queue(['one', 'two'], { max_retries: '0' });
    await pgque().send(queue, 'x');
    await pgque().tick(queue);
    const [message] = await pgque().receive(queue, 'one');
    await pgque().nack(message!);
    const parent = await pgque().value('select queue_data_pfx from pgque.queue where queue_name = $1', [queue]);
    await expect(pgque().call('drop_queue', queue)).rejects.toThrow('cannot drop queue, consumers still attached');
    await expect(pgque().call('drop_queue', queue, false)).rejects.toThrow('consumers still attached');
    expect(await pgque().call('drop_queue', queue, true)).toBe(1);
    expect(await pgque().value('select to_regclass($1)', [parent])).toBe(null);
    expect(await pgque().rows('select from pgque.dead_letter where dl_id > 0')).toEqual([]);
    await expect(pgque().call('drop_queue', queue)).rejects.toThrow('No such event queue');
    const unused = await pgque().queue([]);
    expect(await pgque().call('drop_queue', unused)).toBe(1);
  });

  it('R46: what there is can be looked at', async () => {
    const queue = await pgque().queue();
    await pgque().send(queue, 'x', 'y');
    await pgque().tick(queue);
    const [message] = await pgque().receive(queue);
    expect(await pgque().rows('select * from pgque.get_queue_info($1)', [queue])).toMatchObject([
      { queue_name: queue, queue_ntables: 3, queue_cur_table: 0, queue_ticker_max_count: 500, last_tick_id: '2' },
    ]);
    expect(await pgque().rows('select * from pgque.get_consumer_info($1)', [queue])).toMatchObject([
      {
        queue_name: queue,
        consumer_name: 'consumer',
        last_tick: '1',
        next_tick: '2',
        current_batch: message!.batch_id,
      },
    ]);
    expect(await pgque().rows('select * from pgque.get_batch_info($1)', [message!.batch_id])).toMatchObject([
      { queue_name: queue, consumer_name: 'consumer', prev_tick_id: '1', tick_id: '2' },
    ]);
    expect(await pgque().rows('select * from pgque.get_batch_info(-1)')).toMatchObject([{ queue_name: null }]);
    for (const info of ['get_queue_info', 'get_consumer_info']) {
      expect(await pgque().rows(`select * from pgque.${info}('none')`)).toEqual([]);
    }
  });
});
