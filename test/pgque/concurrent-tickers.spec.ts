import { describe, expect, it } from 'vitest';
import { hasPgque } from './shim/install-pgque.js';
import { payloadsOf, pgqueDatabase } from './shim/pgque-database.js';

const database = pgqueDatabase();
const pgque = () => database.main;

/** How many ticks have an older snapshot than the tick before. */
const inversions = async (queue: string) =>
  Number(
    await pgque().value(
      `select count(*) from (
        select txid_snapshot_xmax(tick_snapshot) as xmax,
            max(txid_snapshot_xmax(tick_snapshot)) over (order by tick_id) as newest
          from pgque.tick join pgque.queue on queue_id = tick_queue where queue_name = $1) ticks
        where xmax < newest`,
      [queue],
    ),
  );

const newestTick = async (queue: string) => pgque().value('select last_tick_id from pgque.get_queue_info($1)', [queue]);

describe.skipIf(!hasPgque)("PgQue shim on Debian's PgQ (pgq_pl_only.sql): concurrent tickers", () => {
  it('R34: the ticker itself takes no lock: a tick with an older snapshot than the one before repeats events', async () => {
    const queue = await pgque().queue(['consumer'], { ticker_max_count: '1' });
    const slow = await database.session();
    await pgque().tick(queue);
    // the same as a ticker that is held up between its snapshot and its insert
    await slow.rows('begin isolation level repeatable read');
    await slow.rows('select count(*) from pgque.tick');
    await pgque().send(queue, 'x');
    await pgque().tick(queue);
    await slow.call('ticker', queue);
    await slow.rows('commit');
    await pgque().tick(queue);
    expect(await inversions(queue)).toBe(1);
    expect(payloadsOf(await pgque().drain(queue))).toEqual(['x', 'x']);
  });

  it('R34: tickers that take one advisory lock first store their snapshots in order, and repeat nothing', async () => {
    const queue = await pgque().queue(['consumer'], { ticker_max_count: '1' });
    // in the server, where nothing holds them up
    const loop = (statements: string) => `
      do $$
      declare
        until constant timestamptz := clock_timestamp() + interval '1.5 s';
      begin
        while clock_timestamp() < until loop
          ${statements}
          commit;
        end loop;
      end $$`;
    const ticker = loop(`perform pg_advisory_xact_lock(34); perform pgque.ticker('${queue}');`);
    const sender = loop(`perform pgque.send('${queue}', 'x');`);
    const sessions = await Promise.all(Array.from({ length: 8 }, async () => database.session()));
    await Promise.all(sessions.map(async (session, i) => session.rows(i < 6 ? ticker : sender)));
    await pgque().tick(queue);
    await pgque().rows('create temp table received (id bigint)');
    await pgque().rows(`
      do $$
      declare
        batch bigint;
      begin
        loop
          batch := pgque.next_batch('${queue}', 'consumer');
          exit when batch is null;
          insert into received select ev_id from pgque.get_batch_events(batch);
          perform pgque.finish_batch(batch);
          commit;
        end loop;
      end $$`);
    const parent = await pgque().value('select queue_data_pfx from pgque.queue where queue_name = $1', [queue]);
    expect(Number(await newestTick(queue))).toBeGreaterThan(100);
    expect(await inversions(queue)).toBe(0);
    expect(await pgque().rows('select id from received order by id')).toEqual(
      await pgque().rows(`select ev_id as id from ${parent} order by ev_id`),
    );
  });
});
