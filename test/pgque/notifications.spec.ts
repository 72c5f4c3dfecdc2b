import { describe, expect, it } from 'vitest';
import { until } from '../support/signals.js';
import { hasPgque } from './shim/install-pgque.js';
import { pgqueDatabase } from './shim/pgque-database.js';

const database = pgqueDatabase();
const pgque = () => database.main;

/** Hears what is said to a queue's listeners. `all()` is all of it up to now. */
async function listening(queue: string): Promise<{ all(): Promise<(string | undefined)[]> }> {
  const [listener, other] = [await database.session(), await database.session()];
  const channel = `pgque_${queue}`;
  const heard: (string | undefined)[] = [];
  listener.client.on('notification', (message) => heard.push(`${message.channel}: ${message.payload}`));
  await listener.rows(`listen ${listener.client.escapeIdentifier(channel)}`);
  return {
    async all() {
      // notifications come in the order of the commits
      await other.rows(`select pg_notify($1, 'now')`, [channel]);
      await until('that notification', () => heard.at(-1) === `${channel}: now`);
      return heard.splice(0).slice(0, -1);
    },
  };
}

describe.skipIf(!hasPgque)("PgQue shim on Debian's PgQ (pgq_pl_only.sql): notifications", () => {
  it('R35: a tick is told of by its id, when it is committed and not before', async () => {
    const queue = await pgque().queue();
    const listener = await listening(queue);
    await pgque().rows('begin');
    const tick = await pgque().tick(queue);
    expect(await listener.all()).toEqual([]);
    await pgque().rows('commit');
    expect(await listener.all()).toEqual([`pgque_${queue}: ${tick}`]);
  });

  it('R35: nothing is told of a tick that is rolled back, of an event, or of a call that does not tick', async () => {
    const queue = await pgque().queue();
    const listener = await listening(queue);
    await pgque().rows('begin');
    await pgque().tick(queue);
    await pgque().rows('rollback');
    await pgque().tick(queue);
    expect(await listener.all()).toHaveLength(1);
    await pgque().send(queue, 'x');
    expect(await pgque().call('ticker', queue)).toBe(null);
    expect(await listener.all()).toEqual([]);
  });

  it('R35: it is told by every kind of ticker, of idle ticks too, to the listeners of that queue', async () => {
    const [queue, other] = [await pgque().queue(), await pgque().queue()];
    const listener = await listening(queue);
    const told = (id: number) => `pgque_${queue}: ${id}`;
    await pgque().tick(other);
    await pgque().call('ticker');
    await pgque().tick(queue);
    await pgque().call('set_queue_config', queue, 'external_ticker', 'true');
    await pgque().call('ticker', queue, 10, '2026-01-01T00:00:00Z', 10_000);
    expect(await listener.all()).toEqual([told(2), told(3), told(10)]);
  });

  it.each(['UPPER case', `"quoted" 'name'; --`, 'ä€𝄞', '', 'x'.repeat(57), 'ä'.repeat(28)])(
    'R35: the channel is pgque_ and the name of the queue: %j',
    async (queue) => {
      await pgque().call('create_queue', queue);
      const listener = await listening(queue);
      const tick = await pgque().tick(queue);
      expect(await listener.all()).toEqual([`pgque_${queue}: ${tick}`]);
    },
  );

  it.each(['x'.repeat(58), 'ä'.repeat(29)])('R35: a name with a longer channel is refused: %s', async (queue) => {
    await expect(pgque().call('create_queue', queue)).rejects.toThrow('queue name too long: 58 bytes (max 57)');
  });
});
