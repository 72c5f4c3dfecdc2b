import { describe, expect, it } from 'vitest';
import { hasPgque, installPgque } from './shim/install-pgque.js';
import { type PgqueSession, payloadsOf, pgqueDatabase } from './shim/pgque-database.js';

const database = pgqueDatabase();
const pgque = () => database.main;

async function as(role: string): Promise<PgqueSession> {
  const session = await database.session();
  await session.rows(`set role ${role}`);
  return session;
}

const DENIED = { code: '42501' };

describe.skipIf(!hasPgque)("PgQue shim on Debian's PgQ (pgq_pl_only.sql): roles", () => {
  it('R57: installing it again changes nothing', async () => {
    const queue = await pgque().queue();
    await pgque().send(queue, 'x');
    await installPgque(pgque().client);
    await pgque().tick(queue);
    expect(payloadsOf(await pgque().receive(queue))).toEqual(['x']);
    expect(await pgque().call('version')).toBe('0.2.0');
    expect(await pgque().rows(`select component from pgque.status() where component = 'pgque'`)).toHaveLength(1);
  });

  it('R48: a writer sends, and cannot consume', async () => {
    const queue = await pgque().queue(['consumer'], { max_retries: '0' });
    const writer = await as('pgque_writer');
    for (const payload of [`'x'`, `'{}'::jsonb`]) {
      await writer.rows(`select pgque.send($1, ${payload}), pgque.send($1, 'type', ${payload})`, [queue]);
      await writer.rows(
        `select pgque.send_batch($1, array[${payload}]), pgque.send_batch($1, 't', array[${payload}])`,
        [queue],
      );
    }
    await writer.call('insert_event', queue, 'type', 'data');
    await pgque().tick(queue);
    const batch = await pgque().receive(queue);
    expect(batch).toHaveLength(9);
    await pgque().nack(batch[0]!);
    expect(await writer.rows('select * from pgque.dlq_replay_all($1)', [queue])).toMatchObject([{ replayed: '1' }]);
    await expect(writer.receive(queue)).rejects.toMatchObject(DENIED);
    await expect(writer.nack(batch[1]!)).rejects.toMatchObject(DENIED);
    for (const [name, ...params] of [
      ['ack', batch[0]!.batch_id],
      ['finish_batch', batch[0]!.batch_id],
      ['get_batch_events', batch[0]!.batch_id],
      ['next_batch', queue, 'consumer'],
      ['subscribe', queue, 'writer'],
      ['unsubscribe', queue, 'consumer'],
      ['dlq_inspect', queue],
      ['ticker', queue],
    ]) {
      await expect(writer.call(name!, ...params), name).rejects.toMatchObject(DENIED);
    }
  });

  it('R48: a reader consumes, and cannot send or administrate', async () => {
    const queue = await pgque().queue([], { max_retries: '0' });
    const reader = await as('pgque_reader');
    expect(await reader.call('subscribe', queue, 'reader')).toBe(1);
    await pgque().send(queue, 'x', 'y');
    await pgque().tick(queue);
    const batch = await reader.receive(queue, 'reader');
    expect(payloadsOf(batch)).toEqual(['x', 'y']);
    expect(await reader.rows('select * from pgque.get_batch_events($1)', [batch[0]!.batch_id])).toHaveLength(2);
    expect(await reader.nack(batch[0]!)).toBe(1);
    const retry = 'select pgque.event_retry($1, $2, 60)';
    expect(await reader.value(retry, [batch[1]!.batch_id, batch[1]!.msg_id])).toBe(1);
    expect(await reader.call('ack', batch[0]!.batch_id)).toBe(1);
    const [letter] = await reader.rows<{ dl_id: string }>('select * from pgque.dlq_inspect($1)', [queue]);
    expect(await reader.rows('select * from pgque.get_consumer_info($1)', [queue])).toHaveLength(1);
    // upstream's fault in 0.2.0
    await expect(reader.rows('select * from pgque.get_queue_info()')).rejects.toThrow(
      'permission denied for function seq_getval',
    );
    for (const [name, ...params] of [
      ['send', queue, 'x'],
      ['insert_event', queue, 'type', 'data'],
      ['dlq_replay', letter!.dl_id],
      ['dlq_purge', queue],
      ['create_queue', 'of a reader'],
      ['ticker', queue],
      ['force_next_tick', queue],
      ['maint_retry_events'],
      ['batch_retry', batch[0]!.batch_id, 1],
      // what the shim wraps
      ['pgq_next_batch_custom', queue, 'reader', null, null, null],
    ]) {
      await expect(reader.call(name as string, ...params), name as string).rejects.toMatchObject(DENIED);
    }
    expect(await reader.call('unsubscribe', queue, 'reader')).toBe(1);
  });

  it('R48: any other role can do neither, and read no payload', async () => {
    const queue = await pgque().queue(['consumer']);
    await pgque().send(queue, 'x');
    await pgque().tick(queue);
    const [message] = await pgque().receive(queue);
    await pgque().nack(message!);
    const parent = await pgque().value('select queue_data_pfx from pgque.queue where queue_name = $1', [queue]);
    // a role that has nothing to do with it
    const stranger = await as('pg_signal_backend');
    await expect(stranger.call('send', queue, 'x')).rejects.toMatchObject(DENIED);
    await expect(stranger.receive(queue)).rejects.toMatchObject(DENIED);
    await expect(stranger.call('get_batch_events', message!.batch_id)).rejects.toMatchObject(DENIED);
    for (const table of [parent, `${parent}_0`, 'pgque.event_template', 'pgque.retry_queue', 'pgque.dead_letter']) {
      await expect(stranger.rows(`select * from ${table}`), table).rejects.toMatchObject(DENIED);
    }
    const open = await pgque().rows(
      `select oid::regprocedure::text as name from pg_proc
        where pronamespace = 'pgque'::regnamespace and has_function_privilege('pg_signal_backend', oid, 'execute')`,
    );
    expect(open).toEqual([]);
  });

  it('R48: an admin does all, but for what is the owner’s', async () => {
    const admin = await as('pgque_admin');
    const queue = await admin.queue(['consumer']);
    await admin.send(queue, 'x');
    await admin.tick(queue);
    const [message] = await admin.receive(queue);
    await admin.nack(message!);
    await admin.call('ack', message!.batch_id);
    expect(await admin.call('maint_retry_events')).toBeGreaterThan(0);
    await admin.call('set_queue_config', queue, 'rotation_period', '1 microsecond');
    expect(await admin.call('maint')).toBe(0);
    expect(await admin.call('maint_rotate_tables_step2')).toBe(0);
    expect(await admin.rows('select * from pgque.get_queue_info($1)', [queue])).toHaveLength(1);
    expect(await admin.call('set_tick_period_ms', 50)).toBe(50);
    await expect(admin.call('set_tick_period_ms', 30)).rejects.toThrow('divisor of 1000');
    for (const [name, ...params] of [['uninstall'], ['insert_event_bulk', queue, 'type', ['x']]]) {
      await expect(admin.call(name as string, ...params)).rejects.toMatchObject(DENIED);
    }
    expect(await admin.call('drop_queue', queue, true)).toBe(1);
  });
});
