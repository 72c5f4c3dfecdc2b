import { describe, expect, it } from 'vitest';
import { hasPgque } from './shim/install-pgque.js';
import { payloadsOf, pgqueDatabase } from './shim/pgque-database.js';

const database = pgqueDatabase({ alone: true });
const pgque = () => database.main;

const DUE = { rotation_period: '1 microsecond' };

interface Rotation {
  readonly table: number;
  readonly step2: string | null;
}

const rotationOf = async (queue: string): Promise<Rotation> => {
  const [row] = await pgque().rows<{ table: number; step2: string | null }>(
    'select queue_cur_table as table, queue_switch_step2 as step2 from pgque.queue where queue_name = $1',
    [queue],
  );
  return row!;
};
const current = async (queue: string) => (await rotationOf(queue)).table;

/** How many rows each of the three tables has. */
async function rowsOf(queue: string): Promise<number[]> {
  const prefix = await pgque().value('select queue_data_pfx from pgque.queue where queue_name = $1', [queue]);
  const counts: number[] = [];
  for (const i of [0, 1, 2]) counts.push(Number(await pgque().value(`select count(*) from ${prefix}_${i}`)));
  return counts;
}

/** Both steps; returns which table is current then. */
async function rotate(queue: string): Promise<number> {
  await pgque().call('maint');
  await pgque().call('maint_rotate_tables_step2');
  return current(queue);
}

/** Sends, and lets the consumer catch up. */
async function pass(queue: string, payload: string): Promise<void> {
  await pgque().send(queue, payload);
  await pgque().tick(queue);
  expect(payloadsOf(await pgque().drain(queue))).toEqual([payload]);
}

describe.skipIf(!hasPgque)("PgQue shim on Debian's PgQ (pgq_pl_only.sql): rotation", () => {
  it('R31: events go into tables 0, 1, 2 and 0 again, and a table is emptied before it is used', async () => {
    const queue = await pgque().queue(['consumer'], DUE);
    const seen: [number, number[]][] = [];
    for (const payload of ['a', 'b', 'c', 'd']) {
      await pass(queue, payload);
      seen.push([await current(queue), await rowsOf(queue)]);
      await rotate(queue);
    }
    expect(seen).toEqual([
      [0, [1, 0, 0]],
      [1, [1, 1, 0]],
      [2, [1, 1, 1]],
      [0, [1, 1, 1]],
    ]);
  });

  it('R31: what was sent before the tables were rotated is received after', async () => {
    const queue = await pgque().queue(['consumer'], DUE);
    await pass(queue, 'received');
    await pgque().send(queue, 'before');
    expect(await rotate(queue)).toBe(1);
    await pgque().send(queue, 'after');
    await pgque().tick(queue);
    expect(payloadsOf(await pgque().drain(queue))).toEqual(['before', 'after']);
  });

  it('R31: maint() does the first step when the period has passed, and never the second', async () => {
    const queue = await pgque().queue(['consumer']);
    await pass(queue, 'x');
    expect(await pgque().call('maint')).toBe(0);
    expect(await current(queue)).toBe(0);
    await pgque().call('set_queue_config', queue, 'rotation_period', '1 microsecond');
    for (let i = 0; i < 2; i++) {
      expect(await pgque().call('maint')).toBe(0);
      expect(await rotationOf(queue)).toEqual({ table: 1, step2: null });
      await pass(queue, 'y');
    }
    await pgque().call('maint_rotate_tables_step2');
    expect((await rotationOf(queue)).step2).not.toBe(null);
    await pass(queue, 'z');
    expect(await rotate(queue)).toBe(2);
  });

  it('R31: a consumer that lags behind holds the tables up, until it has caught up', async () => {
    const queue = await pgque().queue(['consumer', 'slow'], DUE);
    for (const payload of ['1', '2', '3', '4']) {
      await pass(queue, payload);
      await rotate(queue);
    }
    expect(await current(queue)).toBe(0);
    expect(await rowsOf(queue)).toEqual([4, 0, 0]);
    expect(payloadsOf(await pgque().drain(queue, 'slow'))).toEqual(['1', '2', '3', '4']);
    expect(await rotate(queue)).toBe(1);
  });

  it('R31: a transaction with an id holds the tables up and nothing else; one that only reads does not', async () => {
    const queue = await pgque().queue(['consumer'], DUE);
    const [writer, reader] = [await database.session(), await database.session()];
    await reader.rows('begin isolation level repeatable read');
    await reader.rows('select count(*) from pgque.consumer');
    await writer.rows('begin');
    await writer.rows('select txid_current()');
    for (const payload of ['1', '2', '3']) {
      await pass(queue, payload);
      await rotate(queue);
    }
    expect(await current(queue)).toBe(1);
    await writer.rows('rollback');
    await pass(queue, '4');
    expect(await rotate(queue)).toBe(2);
    await reader.rows('rollback');
  });

  it('R31: a table that somebody reads is not emptied, and the round is left out', async () => {
    const queue = await pgque().queue(['consumer'], DUE);
    await pass(queue, 'x');
    const reader = await database.session();
    const prefix = await pgque().value('select queue_data_pfx from pgque.queue where queue_name = $1', [queue]);
    await reader.rows('begin');
    await reader.rows(`select count(*) from ${prefix}_1`);
    expect(await rotate(queue)).toBe(0);
    await reader.rows('rollback');
    expect(await rotate(queue)).toBe(1);
  });

  it('R31: a queue without consumers loses its events when their table comes round again', async () => {
    const queue = await pgque().queue([], DUE);
    await pgque().send(queue, 'x');
    const [first] = [await pgque().tick(queue)];
    for (let i = 0; i < 2; i++) await rotate(queue);
    expect(await rowsOf(queue)).toEqual([1, 0, 0]);
    await rotate(queue);
    expect(await rowsOf(queue)).toEqual([0, 0, 0]);
    // and the ticks of that time
    await expect(pgque().call('register_consumer_at', queue, 'late', first)).rejects.toThrow('tick not found');
  });

  it('R31: what a transaction sends after a rotation that its snapshot does not see is never received', async () => {
    const queue = await pgque().queue(['consumer'], DUE);
    await pass(queue, 'x');
    const sender = await database.session();
    await sender.rows('begin isolation level repeatable read');
    await sender.rows('select count(*) from pgque.queue');
    expect(await rotate(queue)).toBe(1);
    await pass(queue, 'y');
    await sender.send(queue, 'lost');
    await sender.rows('commit');
    await pgque().tick(queue);
    expect(await pgque().drain(queue)).toEqual([]);
    expect(await rowsOf(queue)).toEqual([2, 1, 0]);
  });

  it('R31: maint() calls the hooks of a queue that belong to the owner of the installation', async () => {
    const queue = await pgque().queue([]);
    await pgque().rows(`
      create table hook_calls (called text);
      create function hook(queue text) returns int language sql as 'insert into hook_calls values (queue); select 7';
      create function strange_hook(queue text) returns int language sql as 'select 100';
      alter function strange_hook owner to pg_signal_backend`);
    await pgque().rows('update pgque.queue set queue_extra_maint = $2 where queue_name = $1', [
      queue,
      ['hook', 'strange_hook', 'no_such_hook'],
    ]);
    expect(await pgque().call('maint')).toBe(7);
    expect(await pgque().rows('select called from hook_calls')).toEqual([{ called: queue }]);
  });
});
