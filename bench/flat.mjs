// npm run bench:flat -- [--minutes 10] [--form a,b] [--load 0.8] [--rotate 20000]: whether anything grows.
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { flatReport } from './flat/report.mjs';
import { runFlat } from './flat/run.mjs';
import { connect, startPostgres } from './lib/postgres.mjs';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string' },
    form: { type: 'string', default: 'a,b' },
    load: { type: 'string', default: '0.8' },
    rotate: { type: 'string', default: '20000' },
    backlog: { type: 'string', default: '1' },
  },
});
const scale = Number(values.backlog);
const FORMS = {
  a: { title: '(a) under a pinned horizon', minutes: 10, pinned: true },
  b: {
    title: '(b) on a backlog: 1,000,000 waiting, 500,000 delayed, 100,000 dead',
    minutes: 3,
    pinned: false,
    backlog: { waiting: 1_000_000 * scale, delayed: 500_000 * scale, dead: 100_000 * scale },
  },
};

const postgres = await startPostgres();
const admin = await connect(postgres.url);
const { rows } =
  await admin.query(`select current_setting('server_version') as version, current_setting('fsync') as fsync,
  current_setting('synchronous_commit') as synchronous_commit`);
const about = {
  date: new Date().toISOString(),
  node: process.version,
  postgres: rows[0],
  machine: `${cpus().length} × ${cpus()[0].model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB`,
};
const results = {};
const folder = path.join(import.meta.dirname, 'results');
mkdirSync(folder, { recursive: true });
for (const form of values.form.split(',')) {
  const { title, minutes, pinned, backlog } = FORMS[form];
  const schema = `flat_${form}`;
  const run = await runFlat({
    url: postgres.url,
    schema,
    minutes: Number(values.minutes ?? minutes),
    load: Number(values.load),
    pinned,
    backlog,
    // in ten minutes as often as in hours
    rotation: { rows: 1_000_000, bytes: 256 * 1024 * 1024, age: Number(values.rotate) },
    log: (text) => console.error(`${form}: ${text}`),
  });
  await admin.query(`drop schema ${schema} cascade`);
  const report = flatReport(title, run);
  console.log(`\n${report}`);
  // one claim a line would be millions
  const { claims, promotions, ...rest } = run;
  results[form] = { ...rest, claims: claims.length, promotions: promotions.length, report };
}
await admin.end();
await postgres.stop();
const file = path.join(folder, `flat-${about.date.replaceAll(/[:.]/g, '-')}.json`);
writeFileSync(file, JSON.stringify({ about, results }, null, 2));
console.log(`${about.machine}; Node ${about.node}, PostgreSQL ${about.postgres.version}, fsync ${about.postgres.fsync}, \
synchronous_commit ${about.postgres.synchronous_commit}; ${about.date.slice(0, 10)}\n\n${path.relative(process.cwd(), file)}`);
