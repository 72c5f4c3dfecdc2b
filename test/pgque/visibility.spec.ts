import { describe, expect, it } from 'vitest';
import { hasPgque } from './shim/install-pgque.js';
import { payloadsOf, pgqueDatabase } from './shim/pgque-database.js';

const database = pgqueDatabase();
const pgque = () => database.main;

describe.skipIf(!hasPgque)("PgQue shim on Debian's PgQ (pgq_pl_only.sql): visibility", () => {
  it('R22: what is sent, ticked and received in one transaction comes with the tick after it', async () => {
    const queue = await pgque().queue();
    await pgque().rows('begin');
    await pgque().send(queue, 'x');
    await pgque().tick(queue);
    expect(await pgque().receive(queue)).toEqual([]);
    await pgque().rows('commit');
    expect(await pgque().receive(queue)).toEqual([]);
    await pgque().tick(queue);
    expect(payloadsOf(await pgque().receive(queue))).toEqual(['x']);
  });

  it('R22: what is moved back for its retry and ticked in one transaction comes with the tick after it', async () => {
    const queue = await pgque().queue();
    await pgque().send(queue, 'x');
    await pgque().tick(queue);
    const [message] = await pgque().receive(queue);
    await pgque().nack(message!);
    await pgque().call('ack', message!.batch_id);
    await pgque().rows('begin');
    expect(await pgque().call('maint_retry_events')).toBe(1);
    await pgque().tick(queue);
    await pgque().rows('commit');
    expect(await pgque().receive(queue)).toEqual([]);
    await pgque().tick(queue);
    expect(await pgque().receive(queue)).toMatchObject([{ payload: 'x', retry_count: 1 }]);
  });

  it('R22: a transaction whose snapshot is older than the tick receives nothing', async () => {
    const queue = await pgque().queue();
    const other = await database.session();
    await other.rows('begin isolation level repeatable read');
    await other.rows('select count(*) from pgque.tick');
    await pgque().send(queue, 'x');
    await pgque().tick(queue);
    expect(await other.receive(queue)).toEqual([]);
    await other.rows('commit');
    expect(payloadsOf(await other.receive(queue))).toEqual(['x']);
  });

  // ids near the newest of the earlier snapshot are found in another way than those far below it
  it.each([3, 150])(
    'R21: what a transaction sent comes once, after it committed, however many (%i) committed meanwhile',
    async (others) => {
      const queue = await pgque().queue();
      const slow = await database.session();
      await slow.rows('begin');
      await slow.send(queue, 'late');
      const early: string[] = [];
      for (let i = 0; i < others; i++) early.push(...(await pgque().send(queue, `early ${i}`)));
      for (let i = 0; i < 3; i++) {
        await pgque().tick(queue);
        const received = await pgque().drain(queue);
        expect(received.map(({ msg_id }) => msg_id)).toEqual(i === 0 ? early : []);
      }
      await slow.rows('commit');
      for (let i = 0; i < 3; i++) {
        await pgque().tick(queue);
        expect(payloadsOf(await pgque().drain(queue))).toEqual(i === 0 ? ['late'] : []);
      }
    },
  );

  it('R21: what is rolled back never comes, wholly or to a savepoint', async () => {
    const queue = await pgque().queue();
    const other = await database.session();
    await other.rows('begin');
    await other.send(queue, 'kept');
    await other.rows('savepoint one');
    await other.send(queue, 'rolled back to the savepoint');
    await other.rows('rollback to one');
    await other.rows('savepoint two');
    await other.send(queue, 'kept too');
    await other.rows('release two');
    await pgque().tick(queue);
    await other.rows('commit');
    await other.rows('begin');
    await other.send(queue, 'rolled back');
    await pgque().tick(queue);
    await other.rows('rollback');
    await pgque().tick(queue);
    expect(payloadsOf(await pgque().drain(queue))).toEqual(['kept', 'kept too']);
  });

  it('R21: a batch is in the order of ids, whatever the order of commits', async () => {
    const queue = await pgque().queue();
    const other = await database.session();
    await other.rows('begin');
    await other.send(queue, '1');
    await pgque().send(queue, '2');
    await other.send(queue, '3');
    await other.rows('commit');
    await pgque().send(queue, '4');
    await pgque().tick(queue);
    expect(payloadsOf(await pgque().receive(queue))).toEqual(['1', '2', '3', '4']);
  });
});
