import { describe, expect, it } from 'vitest';
import { hasPgque } from './shim/install-pgque.js';
import { payloadsOf, pgqueDatabase, untilBlocked } from './shim/pgque-database.js';

const database = pgqueDatabase();
const pgque = () => database.main;

interface DeadLetter {
  readonly dl_id: string;
  readonly ev_id: string;
  readonly ev_data: string;
}

const lettersOf = async (queue: string, limit = 100) =>
  pgque().rows<DeadLetter>('select * from pgque.dlq_inspect($1, $2)', [queue, limit]);
const replayAll = async (queue: string) =>
  pgque().rows<{ replayed: string; failed: string; first_error: string | null }>(
    'select * from pgque.dlq_replay_all($1)',
    [queue],
  );

/** A queue with a dead letter of each payload, the first one oldest, and their ids. */
async function dead(payloads: string[], consumers = ['consumer']): Promise<{ queue: string; ids: string[] }> {
  const queue = await pgque().queue(consumers, { max_retries: '0' });
  for (const payload of payloads) await pgque().call('insert_event', queue, 'type', payload, '1', '2', '3', '4');
  await pgque().tick(queue);
  const batch = await pgque().receive(queue, consumers[0]);
  for (const message of batch) await pgque().nack(message);
  await pgque().call('ack', batch[0]!.batch_id);
  const letters = await lettersOf(queue);
  return { queue, ids: letters.map(({ dl_id }) => dl_id).toReversed() };
}

describe.skipIf(!hasPgque)("PgQue shim on Debian's PgQ (pgq_pl_only.sql): dead letters", () => {
  it('R28: dlq_inspect() returns the newest first, as many as are asked for, of its queue alone', async () => {
    const { queue } = await dead(['a', 'b', 'c']);
    await dead(['of another queue']);
    expect((await lettersOf(queue)).map(({ ev_data }) => ev_data)).toEqual(['c', 'b', 'a']);
    expect((await lettersOf(queue, 2)).map(({ ev_data }) => ev_data)).toEqual(['c', 'b']);
    expect(await lettersOf('none')).toEqual([]);
  });

  it('R28: a replayed letter is gone, and is a new event for every consumer', async () => {
    const { queue, ids } = await dead(['x'], ['one', 'two']);
    const [letter] = await lettersOf(queue);
    await pgque().drain(queue, 'two');
    const id = await pgque().call('dlq_replay', ids[0]);
    expect(id).not.toBe(letter!.ev_id);
    expect(await lettersOf(queue)).toEqual([]);
    await pgque().tick(queue);
    for (const consumer of ['one', 'two']) {
      expect(await pgque().drain(queue, consumer)).toMatchObject([
        {
          msg_id: id,
          type: 'type',
          payload: 'x',
          retry_count: null,
          extra1: '1',
          extra2: '2',
          extra3: '3',
          extra4: '4',
        },
      ]);
    }
    await expect(pgque().call('dlq_replay', ids[0])).rejects.toThrow(`dead letter entry not found: ${ids[0]}`);
    await expect(pgque().call('dlq_replay', null)).rejects.toThrow('dead letter entry not found: <NULL>');
  });

  it('R28: of two who replay a letter at once the second waits, and fails', async () => {
    const { queue, ids } = await dead(['x']);
    const [one, two] = [await database.session(), await database.session()];
    await one.rows('begin');
    await one.call('dlq_replay', ids[0]);
    const second = two.call('dlq_replay', ids[0]).catch((error: Error) => error.message);
    await untilBlocked(two, pgque());
    await one.rows('commit');
    expect(await second).toContain('dead letter entry not found');
    await pgque().tick(queue);
    expect(await pgque().drain(queue)).toHaveLength(1);
  });

  it('R28: dlq_replay_all() replays all of a queue, but those that somebody else is replaying', async () => {
    const { queue, ids } = await dead(['a', 'b', 'c']);
    const other = await database.session();
    await other.rows('begin');
    await other.call('dlq_replay', ids[1]);
    expect(await replayAll(queue)).toEqual([{ replayed: '2', failed: '0', first_error: null }]);
    await other.rows('rollback');
    expect((await lettersOf(queue)).map(({ dl_id }) => dl_id)).toEqual([ids[1]]);
    await pgque().tick(queue);
    expect(payloadsOf(await pgque().drain(queue))).toEqual(['a', 'c']);
  });

  it('R28: dlq_replay_all() leaves the letters that fail, and tells how many and why the first did', async () => {
    const { queue, ids } = await dead(['a', 'bad', 'c', 'bad too']);
    const table = await pgque().value(
      `select queue_data_pfx || '_' || queue_cur_table from pgque.queue where queue_name = $1`,
      [queue],
    );
    await pgque().rows(`alter table ${table} add constraint good check (ev_data not like 'bad%') not valid`);
    const [result] = await replayAll(queue);
    expect(result).toEqual({ replayed: '2', failed: '2', first_error: expect.stringContaining(ids[1]!) });
    expect(result!.first_error).toContain('violates check constraint');
    expect((await lettersOf(queue)).map(({ dl_id }) => dl_id)).toEqual([ids[3], ids[1]]);
    await pgque().tick(queue);
    expect(payloadsOf(await pgque().drain(queue))).toEqual(['a', 'c']);
  });

  it('R28: dlq_purge() deletes what is older than it is told, a month unless it is told', async () => {
    const { queue, ids } = await dead(['a', 'b', 'c']);
    for (const [i, days] of [31, 29, 0].entries()) {
      await pgque().rows(`update pgque.dead_letter set dl_time = now() - $2 * interval '1 day' where dl_id = $1`, [
        ids[i],
        days,
      ]);
    }
    expect(await pgque().call('dlq_purge', 'none')).toBe(0);
    expect(await pgque().call('dlq_purge', queue)).toBe(1);
    expect((await lettersOf(queue)).map(({ ev_data }) => ev_data)).toEqual(['c', 'b']);
    expect(await pgque().call('dlq_purge', queue, '1 day')).toBe(1);
    expect((await lettersOf(queue)).map(({ ev_data }) => ev_data)).toEqual(['c']);
  });
});
