import { expect, it } from 'vitest';
import { many, outcome, type Session, testEngine } from '../support/engine.js';
import { aWhile, until } from '../support/signals.js';

const engine = testEngine();

interface TableStats {
  readonly relname: string;
  readonly n_tup_ins: number;
  readonly n_tup_upd: number;
  readonly n_tup_del: number;
}

/** What was done to the tables, as far as the sessions that did it have reported: they do so when asked, and once in a while. */
async function stats(sessions: readonly Session[]): Promise<TableStats[]> {
  const [{ version }] = (await engine.rows(`select current_setting('server_version_num')::int as version`)) as [
    { version: number },
  ];
  for (const { client } of sessions)
    await client.query(version < 150_000 ? 'select' : 'select pg_stat_force_next_flush()');
  return engine.rows<TableStats>(
    `select relname, n_tup_ins::int, n_tup_upd::int, n_tup_del::int
       from pg_stat_user_tables where schemaname = $1 order by relname`,
    [engine.database.schema],
  );
}

it('everything a job goes through only appends: no UPDATE and no DELETE on the log', async () => {
  const [queue, worker] = [await engine.queue(), await engine.worker()];
  const names = ['entry', 'delayed', 'lease', 'result', 'unique_key', 'custom_id', 'pulse'];
  const inserted = async (table: string) =>
    (await engine.rows(`select count(*)::int as n from ${engine.s}.${table}`))[0].n as number;
  for (let round = 0; round < 3; round++) {
    for (const ring of names) await engine.switchRing(ring, round);
    await engine.main.add(queue);
    await engine.main.add(queue, ...many(200), ...many(50, { delay: 5, priority: 2 }));
    for (const key of ['a', 'b', 'a'])
      await engine.main.add(queue, { uniqueKey: key }, { jobId: `id ${round} ${key}` });
    await engine.main.add(queue, ...many(5, { name: 'strange' }));
    await engine.main.begin(queue, ...many(3));
    await engine.main.rollback();
    const { runs } = await worker.claim(queue, { names: ['job'] });
    const ends = runs.map((run, i) => {
      if (i % 5 === 1) return outcome(run, { state: 'r', delay: 1, charge: 1, error: { message: 'e' } });
      if (i % 5 === 2) return outcome(run, { state: 'm', to: 'front' });
      if (i % 5 === 3) return outcome(run, { state: 'f', reason: 'exhausted', error: { message: 'e' } });
      return outcome(run, undefined, '1');
    });
    await worker.finish(queue, ends);
    await worker.finish(queue, ends);
    await aWhile(10);
    await engine.main.work.promote(queue.id, 40);
    await engine.main.work.promote(queue.id, 1000);
    await worker.endAll(queue, (await worker.claim(queue)).runs);
    const [gone] = await engine.main.add(queue);
    await engine.main.jobs.remove(queue.name, gone!.id);
    await worker.claim(queue);
    await worker.session.work.beat(worker.id, 1, true);
  }
  const rings = names.flatMap((ring) => [0, 1, 2].map((i) => `${ring}_${i}`));
  const log = [...rings, 'dead', 'worker'];
  const rows = new Map<string, number>();
  for (const table of log) rows.set(table, await inserted(table));
  await until('the statistics to hold every row', async () => {
    const found = new Map((await stats([worker.session, engine.main])).map((row) => [row.relname, row]));
    return log.every((table) => found.get(table)!.n_tup_ins >= rows.get(table)!);
  });
  const found = (await stats([worker.session, engine.main])).filter(({ relname }) => log.includes(relname));
  expect(found.map(({ relname }) => relname)).toEqual(log.toSorted());
  expect(found.every(({ n_tup_ins }) => n_tup_ins > 0)).toBe(true);
  expect(found.filter(({ n_tup_upd, n_tup_del }) => n_tup_upd + n_tup_del > 0)).toEqual([]);
});
