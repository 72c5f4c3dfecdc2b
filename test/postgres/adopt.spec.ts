import { expect, it } from 'vitest';
import { testEngine } from '../support/engine.js';
import { until } from '../support/signals.js';

const engine = testEngine();

it('taking over a log from elsewhere and changing its jobs at the same moment do not lock each other out', async () => {
  const [adopting, changing] = [await engine.session(), await engine.session()];
  const { s } = engine;
  // as update_data() and its like: the tables, then the guard
  await changing.client.query(`begin; lock table ${s}.entry_0 in row exclusive mode`);
  const adopted = adopting.client.query(`select ${s}.adopt(true)`);
  await until(
    'it to wait',
    async () =>
      (await engine.rows(`select from pg_locks where not granted and relation = '${s}.entry_0'::regclass`)).length > 0,
  );
  await changing.client.query(`select pg_advisory_xact_lock_shared(${s}.lock_key('guard'))`);
  await changing.client.query('commit');
  expect((await adopted).rows).toEqual([{ adopt: false }]);
});
