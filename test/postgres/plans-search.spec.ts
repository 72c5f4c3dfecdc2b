import { expect, it } from 'vitest';
import { Bench, undone } from '../support/buffers.js';
import { testEngine } from '../support/engine.js';

const engine = testEngine({ alone: true });

it('a search among all that a worker has ended asks for each run once, whatever was thought of the tables', async () => {
  const bench = await Bench.start(engine);
  // statistics of a time when nothing had ended
  await engine.rows(`analyze ${engine.s}.lease_0, ${engine.s}.result_0, ${engine.s}.entry_0`);
  const runs = 10_000;
  await bench.finished(runs);
  await bench.add(10);
  const { worker: gone, queue } = bench;
  const { runs: held } = await gone.claim(queue, { want: 10 });
  await engine.rows(`delete from ${engine.s}.worker where worker = $1`, [gone.id]);
  const [{ segment }] = (await engine.rows(`select current as segment from ${engine.s}.ring where ring = 'lease'`)) as [
    { segment: number },
  ];
  await engine.rows(`update ${engine.s}.lease_${segment} set at = at - interval '1 minute'`);
  const searches = {
    'runs nobody knows of': `select * from ${engine.s}.open_runs('${gone.id}', interval '1 second')`,
    'runs of the dead': `select * from ${engine.s}.recover_runs(${queue.id}, '${gone.id}', '-infinity', 500)`,
    orphans: `select * from ${engine.s}.orphans()`,
  };
  for (const [what, statement] of Object.entries(searches)) {
    const cost = await undone(engine.main, async () => engine.main.client.query(statement));
    expect(cost, what).toBeLessThanOrEqual(runs * 12);
  }
  const found = await engine.rows(
    `select job_id::text from ${engine.s}.open_runs($1, interval '1 second') order by 1`,
    [gone.id],
  );
  expect(found.map(({ job_id: id }) => id)).toEqual(held.map(({ key }) => key).toSorted());
}, 60_000);
