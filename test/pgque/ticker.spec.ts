import { describe, expect, it } from 'vitest';
import { hasPgque } from './shim/install-pgque.js';
import { pgqueDatabase } from './shim/pgque-database.js';

const database = pgqueDatabase();
const pgque = () => database.main;

const newestTick = async (queue: string) => pgque().value('select last_tick_id from pgque.get_queue_info($1)', [queue]);

/** What the ticker would do so long after the last tick, and that so long after the one before. */
async function ticksAfter(queue: string, seconds: number, gap: number): Promise<boolean> {
  await pgque().rows('begin');
  await pgque().rows(
    `update pgque.tick set tick_time = now() - case row_number
        when 1 then $2 * interval '1 s' else ($2 + $3) * interval '1 s' end
      from (select tick_queue as q, tick_id as id, row_number() over (order by tick_id desc) from pgque.tick, pgque.queue
        where queue_id = tick_queue and queue_name = $1) newest
      where tick_queue = q and tick_id = id`,
    [queue, seconds, gap],
  );
  const ticked = (await pgque().call<string | null>('ticker', queue)) !== null;
  await pgque().rows('rollback');
  return ticked;
}

/** A queue whose event sequence has been used. */
async function usedQueue(config: Record<string, string>): Promise<string> {
  const queue = await pgque().queue([], config);
  await pgque().send(queue, 'first');
  await pgque().tick(queue);
  return queue;
}

describe.skipIf(!hasPgque)("PgQue shim on Debian's PgQ (pgq_pl_only.sql): the ticker", () => {
  it('R32: a new queue has a tick, and its first call of the ticker makes another, for nothing', async () => {
    const queue = await pgque().queue();
    expect(await newestTick(queue)).toBe('1');
    expect(await pgque().call('ticker', queue)).toBe('2');
    expect(await pgque().call('ticker', queue)).toBe(null);
  });

  it('R32: new events are ticked when there are ticker_max_count of them, or when ticker_max_lag has passed', async () => {
    const queue = await usedQueue({ ticker_max_count: '3', ticker_max_lag: '10 s' });
    await pgque().send(queue, '1', '2');
    expect(await ticksAfter(queue, 9.9, 100)).toBe(false);
    expect(await ticksAfter(queue, 10, 100)).toBe(true);
    await pgque().send(queue, '3');
    expect(await ticksAfter(queue, 0, 100)).toBe(true);
  });

  it('R32: without events the time between ticks doubles, up to ticker_idle_period', async () => {
    const queue = await usedQueue({ ticker_max_lag: '10 s', ticker_idle_period: '60 s' });
    const ticks = async (seconds: number, gap: number) => ticksAfter(queue, seconds, gap);
    // never before half of ticker_max_lag
    expect([await ticks(4.9, 1), await ticks(5, 1)]).toEqual([false, true]);
    expect([await ticks(39.9, 20), await ticks(40, 20)]).toEqual([false, true]);
    expect([await ticks(59.9, 40), await ticks(60, 40)]).toEqual([false, true]);
  });

  it('R33: the first event of a queue does not count: it waits like none, and force_next_tick() ends the wait', async () => {
    const queue = await pgque().queue([], { ticker_max_count: '1', ticker_max_lag: '1 s', ticker_idle_period: '60 s' });
    await pgque().call('ticker', queue);
    await pgque().send(queue, 'first');
    expect([await ticksAfter(queue, 59.9, 60), await ticksAfter(queue, 60, 60)]).toEqual([false, true]);
    await pgque().call('force_next_tick', queue);
    expect(await pgque().call('ticker', queue)).not.toBe(null);
    await pgque().send(queue, 'second');
    expect(await pgque().call('ticker', queue)).not.toBe(null);
  });

  it('R32: force_next_tick() inserts nothing, returns the last tick, and makes the next call tick', async () => {
    const queue = await usedQueue({ ticker_max_count: '10' });
    const [before, newest] = [await pgque().send(queue, 'x'), await newestTick(queue)];
    for (const name of ['force_next_tick', 'force_tick']) expect(await pgque().call(name, queue)).toBe(newest);
    expect(await newestTick(queue)).toBe(newest);
    const [after] = await pgque().send(queue, 'y');
    expect(Number(after) - Number(before)).toBeGreaterThan(2 * (2 * 10 + 1000));
    expect(await pgque().call('ticker', queue)).toBe(`${Number(newest) + 1}`);
    await expect(pgque().call('force_next_tick', 'none')).rejects.toThrow('queue not found: none');
  });

  it('R32: a paused queue, one that is ticked from outside, and none are refused, and left out of all', async () => {
    const paused = await pgque().queue([], { ticker_paused: 'true' });
    const external = await pgque().queue([], { external_ticker: 'true' });
    await expect(pgque().call('ticker', paused)).rejects.toThrow('Ticker has been paused for this queue');
    await expect(pgque().call('ticker', external)).rejects.toThrow('This queue has external tick source.');
    await expect(pgque().call('ticker', 'none')).rejects.toThrow('no such queue');
    await expect(pgque().call('force_next_tick', paused)).rejects.toThrow(`queue ${paused} is paused`);
    await expect(pgque().call('force_next_tick', external)).rejects.toThrow('external ticker');
    await pgque().rows('select pgque.ticker()');
    const queues = [await pgque().queue([]), await pgque().queue([])];
    expect(await pgque().call('ticker')).toBe('2');
    expect(await pgque().call('ticker')).toBe('0');
    for (const queue of queues) expect(await newestTick(queue)).toBe('2');
    for (const queue of [paused, external]) expect(await newestTick(queue)).toBe('1');
  });

  it('R32: ticker() ticks none when one queue fails, and ticker(queue) ticks the others', async () => {
    const [good, bad] = [await pgque().queue([]), await pgque().queue([])];
    await pgque().rows(
      `update pgque.tick set tick_snapshot = '9999999999:9999999999:'
        from pgque.queue where queue_id = tick_queue and queue_name = $1`,
      [bad],
    );
    await expect(pgque().call('ticker')).rejects.toThrow('Invalid PgQ state');
    expect(await newestTick(good)).toBe('1');
    // it had been ticked, and that was rolled back
    expect(await pgque().call('ticker', good)).toBe('3');
    await pgque().call('drop_queue', bad);
  });

  it('R32: ticks from outside must be newer each, and never take events back', async () => {
    const push = async (queue: string, id: number, events: number) =>
      pgque().call('ticker', queue, id, '2026-01-01T00:00:00Z', events);
    const queue = await pgque().queue([]);
    await expect(push(queue, 7, 70)).rejects.toThrow('queue not found or ticker disabled');
    await pgque().call('set_queue_config', queue, 'external_ticker', 'true');
    expect(await push(queue, 7, 70)).toBe('7');
    await expect(push(queue, 7, 80)).rejects.toThrow('not newer');
    await expect(push(queue, 8, 69)).rejects.toThrow('moves the event sequence back');
    await expect(push('none', 8, 80)).rejects.toThrow('queue not found');
    await pgque().call('set_queue_config', queue, 'external_ticker', 'false');
    expect(await pgque().send(queue, 'x')).toEqual(['71']);
    expect(await pgque().tick(queue)).toBe('8');
  });

  it('R32: a setting of 0 is refused, but for max_retries, and NULL is its default', async () => {
    const queue = await pgque().queue([]);
    const set = async (param: string, value: string | null) => pgque().call('set_queue_config', queue, param, value);
    for (const param of ['ticker_max_count', 'ticker_max_lag', 'ticker_idle_period', 'rotation_period']) {
      for (const value of ['0', '-1']) await expect(set(param, value)).rejects.toThrow('must be > 0');
      expect(await set(param, '7')).toBe(1);
    }
    expect(await set('max_retries', '0')).toBe(1);
    await expect(set('max_retries', '-1')).rejects.toThrow('must be >= 0');
    await expect(set('queue_ticker_max_lag', '1 s')).rejects.toThrow('cannot change parameter "queue_ticker_max_lags"');
    await expect(pgque().call('set_queue_config', 'none', 'max_retries', '1')).rejects.toThrow('No such event queue');
    await expect(set(null as unknown as string, '1')).rejects.toThrow('Invalid NULL value');
    const settings = async () =>
      pgque().rows(
        `select queue_ticker_max_count as count, queue_ticker_max_lag::text as lag, queue_max_retries as retries
          from pgque.queue where queue_name = $1`,
        [queue],
      );
    expect(await settings()).toEqual([{ count: 7, lag: '00:00:07', retries: 0 }]);
    for (const param of ['ticker_max_count', 'ticker_max_lag', 'max_retries']) expect(await set(param, null)).toBe(1);
    expect(await settings()).toEqual([{ count: 500, lag: '00:00:03', retries: null }]);
  });
});
