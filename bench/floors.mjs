// npm run bench -- [--quick] [--only w1,w3] [--repeat 3] [--check]: this package beside what PostgreSQL itself does.
import { mkdirSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { cells, ON_REQUEST } from './floors/cells.mjs';
import { check, CHECKED } from './floors/check.mjs';
import { table } from './floors/report.mjs';
import { machine } from './lib/about.mjs';
import { connect, startPostgres } from './lib/postgres.mjs';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
    only: { type: 'string' },
    repeat: { type: 'string' },
  },
});
const all = cells(values.quick);
const chosen =
  values.only?.split(',') ?? (values.check ? CHECKED : Object.keys(all).filter((name) => !ON_REQUEST.has(name)));
const repeat = Number(values.repeat ?? (values.quick ? 1 : 3));

const postgres = await startPostgres();
const admin = await connect(postgres.url);
const { rows } =
  await admin.query(`select current_setting('server_version') as version, current_setting('fsync') as fsync,
  current_setting('synchronous_commit') as synchronous_commit`);
const about = { date: new Date().toISOString(), node: process.version, postgres: rows[0], machine: machine() };

let runs = 0;
async function runCell(name) {
  const schema = `bench_${name}_${runs++}`;
  const result = await all[name]({ url: postgres.url, schema });
  await admin.query(`drop schema if exists ${schema}, ${schema}_loop cascade`);
  return result;
}

const results = Object.fromEntries(chosen.map((name) => [name, []]));
for (let repetition = 0; repetition < repeat; repetition++) {
  for (const name of chosen) {
    const [load] = loadavg();
    console.error(`${name}, ${repetition + 1} of ${repeat} (load average ${load.toFixed(2)})`);
    results[name].push({ load, result: await runCell(name) });
  }
}

const folder = path.join(import.meta.dirname, 'results');
mkdirSync(folder, { recursive: true });
const file = path.join(folder, `floors-${about.date.replaceAll(/[:.]/g, '-')}.json`);
writeFileSync(file, JSON.stringify({ about, results }, null, 2));
const loads = Object.values(results).flatMap((repetitions) => repetitions.map(({ load }) => load));
console.log(`\n${about.machine}; Node ${about.node}, PostgreSQL ${about.postgres.version}, fsync ${about.postgres.fsync}, \
synchronous_commit ${about.postgres.synchronous_commit}; ${about.date.slice(0, 10)}; \
load average before each cell ${Math.min(...loads).toFixed(2)} – ${Math.max(...loads).toFixed(2)}; ${repeat} repetition(s)\n`);
console.log(table(results));
console.log(`\n${path.relative(process.cwd(), file)}`);
if (values.check && !(await check(results, runCell))) process.exitCode = 1;
await admin.end();
await postgres.stop();
