import pg from 'pg';
import { afterEach, describe, expect, it } from 'vitest';
import { getStreamClientToken, type StreamClient } from '../../lib/index.js';
import { hasPgBouncer, startPgBouncer } from '../support/pgbouncer.js';
import { until } from '../support/signals.js';
import { hasPgque } from './shim/install-pgque.js';
import { payloadsOf, pgqueDatabase } from './shim/pgque-database.js';
import { pgqueApplications, pgqueConsumer } from './support/pgque-applications.js';

const database = pgqueDatabase();
const start = pgqueApplications(database);
const clients: pg.Client[] = [];

afterEach(async () => {
  await Promise.all(clients.splice(0).map(async (client) => client.end()));
});

async function begin(how = 'begin'): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  clients.push(client);
  await client.query(how);
  return client;
}

async function streamClient(): Promise<StreamClient> {
  return (await start()).app.get<StreamClient>(getStreamClientToken('pgque'));
}

describe.skipIf(!hasPgque)('StreamClient on PgQue (a stand-in over PgQ)', () => {
  it('R50 sends in the caller’s transaction: after its commit it is there, after a rollback never', async () => {
    const { main } = database;
    const its = await streamClient();
    const queue = await main.queue();
    const [kept, undone] = [await begin(), await begin()];
    await its.send(queue, { data: 'kept' }, { tx: kept });
    await its.send(queue, { data: 'undone' }, { tx: undone });
    await main.tick(queue);
    expect(await main.drain(queue)).toEqual([]);
    await kept.query('commit');
    await undone.query('rollback');
    await main.tick(queue);
    expect(payloadsOf(await main.drain(queue))).toEqual(['"kept"']);
  });

  it.each(['repeatable read', 'serializable'])('refuses to send in a transaction that is %s', async (level) => {
    const { main } = database;
    const its = await streamClient();
    const queue = await main.queue();
    const tx = await begin(`begin isolation level ${level}`);
    await expect(its.send(queue, { data: 1 }, { tx })).rejects.toMatchObject({
      code: 'PGQUEUE_INVALID_TRANSACTION',
      message: expect.stringContaining('READ COMMITTED'),
    });
    // nothing was written, and the transaction can go on
    await tx.query('commit');
    await main.tick(queue);
    expect(await main.drain(queue)).toEqual([]);
  });

  it('sends for others to read: type, JSON, key and headers where PgQue has room for them', async () => {
    const { main } = database;
    const its = await streamClient();
    const queue = await main.queue();
    await its.send(queue, { type: 't', data: { a: 'ü' }, key: 'k', headers: { trace: '1' } });
    await main.tick(queue);
    expect(await main.drain(queue)).toMatchObject([
      { type: 't', payload: '{"a":"ü"}', extra1: 'k', extra2: '{"trace":"1"}', extra3: null, extra4: null },
    ]);
  });

  it('says what is wrong with a queue that is not there, and how to make it', async () => {
    const its = await streamClient();
    const error = { code: 'PGQUEUE_UNKNOWN_STREAM', message: expect.stringContaining(`create_queue('it''s not')`) };
    await expect(its.send(`it's not`, { data: 1 })).rejects.toMatchObject(error);
    await expect(its.subscribe(`it's not`, 'g')).rejects.toMatchObject(error);
    await expect(its.subscribe(`it's not`, 'g', { from: 'start' })).rejects.toMatchObject(error);
  });

  it('R52 acknowledges and nacks ids beyond 2^53 exactly', async () => {
    const { main } = database;
    const its = await streamClient();
    const queue = await main.queue(['g']);
    await main.rows(`select setval(queue_event_seq, 9007199254740992) from pgque.queue where queue_name = $1`, [queue]);
    const before = await main.value('select last_value from pgque.batch_id_seq');
    await main.rows(`select setval('pgque.batch_id_seq', 9007199254740994)`);
    try {
      const id = await its.send(queue, { data: 1 });
      expect(id).toBe('9007199254740993');
      await main.tick(queue);
      const batch = (await its.receive(queue, 'g'))!;
      expect([batch.id, batch.events[0]!.id]).toEqual(['9007199254740995', id]);
      await its.nack(batch.id, batch.events[0]!, 0);
      expect(await its.ack(batch.id)).toBe(true);
      await main.retryAll(queue);
      expect((await its.receive(queue, 'g'))!.events).toMatchObject([{ id, retryCount: 1 }]);
    } finally {
      await main.rows(`select setval('pgque.batch_id_seq', $1)`, [before]);
    }
  });

  it.skipIf(!hasPgBouncer)(
    'R53 reads behind PgBouncer in transaction mode, one process at a time, and another when that stops',
    async () => {
      const { main } = database;
      const queue = await main.queue();
      const bouncer = await startPgBouncer(database.url, { poolMode: 'transaction', poolSize: 10 });
      try {
        const seen: Record<string, number[]> = { a: [], b: [] };
        const run = async (name: string) =>
          start({
            providers: [pgqueConsumer(queue, ({ data }) => seen[name]!.push(data), { pollInterval: 100 })],
            options: { connection: bouncer.url, listen: false },
          });
        const first = await run('a');
        await main.send(queue, '1');
        await main.tick(queue);
        await until('the first event', () => seen['a']!.length === 1);
        const second = await run('b');
        await main.send(queue, '2');
        await main.tick(queue);
        await until('the second event', () => seen['a']!.length === 2);
        // the transactions that hold the locks hold nothing else back
        await until('them to be idle', async () =>
          main.value(`select count(*) = 2 and bool_and(backend_xmin is null and backend_xid is null) from pg_stat_activity
            where state = 'idle in transaction' and datname = current_database()`),
        );
        await first.app.close();
        await main.send(queue, '3');
        await main.tick(queue);
        await until('the third event', () => seen['b']!.length === 1);
        expect(seen).toEqual({ a: [1, 2], b: [3] });
        await second.app.close();
      } finally {
        await bouncer.stop();
      }
    },
  );
});
