import { describe, expect, it } from 'vitest';
import { until } from '../support/signals.js';
import { hasPgque } from './shim/install-pgque.js';
import { pgqueDatabase } from './shim/pgque-database.js';

// 10^5 events
const ROUNDS = 10;
const EACH = 10_000;

const database = pgqueDatabase({ alone: true });
const pgque = () => database.main;

interface Statistics {
  readonly inserted: number;
  readonly updated: number;
  readonly deleted: number;
  readonly dead: number;
}

describe.skipIf(!hasPgque)("PgQue shim on Debian's PgQ (pgq_pl_only.sql): zero bloat", () => {
  it('R30: 100 000 events leave no dead row in the event tables, which grow no further', async () => {
    const queue = await pgque().queue(['consumer'], { rotation_period: '1 microsecond' });
    const prefix = await pgque().value('select queue_data_pfx from pgque.queue where queue_name = $1', [queue]);
    const size = async () =>
      Number(
        await pgque().value(
          `select sum(pg_total_relation_size(($1 || '_' || i)::regclass)) from generate_series(0, 2) i`,
          [prefix],
        ),
      );
    const statistics = async (): Promise<Statistics> => {
      const [row] = await pgque().rows<Statistics>(
        `select sum(n_tup_ins)::float as inserted, sum(n_tup_upd)::float as updated, sum(n_tup_del)::float as deleted,
            sum(n_dead_tup)::float as dead
          from pg_stat_user_tables where relid in (select inhrelid from pg_inherits where inhparent = $1::regclass)`,
        [prefix],
      );
      return row!;
    };
    const sizes: number[] = [];
    let received = 0;
    for (let round = 0; round < ROUNDS; round++) {
      await pgque().rows(`select pgque.send_batch($1, array(select repeat('x', 100) from generate_series(1, $2)))`, [
        queue,
        EACH,
      ]);
      await pgque().tick(queue);
      received += (await pgque().drain(queue)).length;
      await pgque().call('maint');
      await pgque().call('maint_rotate_tables_step2');
      // the next tick is the first one that is beyond the switch
      await pgque().tick(queue);
      await pgque().drain(queue);
      sizes.push(await size());
    }
    expect(received).toBe(ROUNDS * EACH);
    // three tables are full after two rounds, and never are more
    expect(Math.max(...sizes)).toBeLessThan(3.5 * sizes[0]!);
    await until('the statistics to be told', async () => (await statistics()).inserted === ROUNDS * EACH);
    expect(await statistics()).toEqual({ inserted: ROUNDS * EACH, updated: 0, deleted: 0, dead: 0 });
  }, 60_000);
});
