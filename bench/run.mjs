// npm run bench (in bench/) -- [--quick] [--only w3,w4] [--systems pgqueue,pg-boss] [--repeat 3] [--fresh] [--report]
import path from 'node:path';
import { parseArgs } from 'node:util';
import { loadAdapter, SYSTEMS } from './adapters/index.mjs';
import { redisServer, subject } from './lib/about.mjs';
import { runCell } from './lib/cell.mjs';
import { Databases } from './lib/databases.mjs';
import { plan, whyNot } from './lib/plan.mjs';
import { startPostgres } from './lib/postgres.mjs';
import { State } from './lib/state.mjs';
import { writeReport } from './report/write.mjs';
import { WORKLOADS } from './workloads/index.mjs';

// pg-boss and graphile-worker need a newer Node than this package: `npm run` finds the one of bench/node_modules
if (Number.parseInt(process.versions.node) < 22) {
  console.error(`This is Node ${process.versions.node}, and some of the systems need 22: use \`npm run bench -- …\``);
  process.exit(1);
}

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: Object.keys(WORKLOADS).join(',') },
    systems: { type: 'string' },
    repeat: { type: 'string' },
    fresh: { type: 'boolean', default: false },
    report: { type: 'boolean', default: false },
  },
});
const { quick } = values;
// as durable as a commit is BullMQ's other setting; the quick form leaves it out
const systems = values.systems?.split(',') ?? SYSTEMS.filter((system) => !quick || system !== 'bullmq-redis-always');
const workloads = values.only.split(',');
const unknown = [...systems.filter((name) => !SYSTEMS.includes(name)), ...workloads.filter((name) => !WORKLOADS[name])];
if (unknown.length > 0) {
  console.error(
    `There is no ${unknown.join(', ')}; systems: ${SYSTEMS.join(', ')}; workloads: ${Object.keys(WORKLOADS).join(', ')}`,
  );
  process.exit(1);
}

// what servers were started ends with this process
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));

// one of the systems needs hundreds of connections for thirty queues
const server = await startPostgres({ max_connections: 1_000 });
const postgres = await Databases.open(server.url);
const redis = process.env.REDIS_URL ? 'of REDIS_URL' : redisServer();
const about = subject({ postgres: postgres.settings, redis, quick });
const results = path.join(import.meta.dirname, 'results');
const state = new State(path.join(results, `state-${about.size}.jsonl`), about, values);
if (state.others > 0)
  console.error(`${state.others} earlier results are of another commit, version or machine, and left out`);

const cells = await plan({ workloads, systems, repeat: Number(values.repeat ?? (quick ? 1 : 3)), quick });
const left = values.report ? [] : cells.filter((cell) => state.find(cell) === undefined);
console.error(`${left.length} of ${cells.length} cells to run`);
for (const [i, cell] of left.entries()) {
  const adapter = await loadAdapter(cell.system);
  const reason = whyNot(cell, adapter, state, { redis, quick });
  if (reason === '') continue;
  const begun = performance.now();
  const result = reason === undefined ? await runCell(cell, { postgres, quick }) : { reason };
  state.add(cell, result);
  const { workload, variant, system, profile, repetition } = cell;
  const took = ((performance.now() - begun) / 1_000).toFixed(1);
  console.error(
    `${i + 1}/${left.length} ${workload} ${variant} ${system} ${profile} #${repetition + 1} ${took} s: ${said(result)}`,
  );
}
await postgres.close();
await server.stop();
console.log(await writeReport({ folder: results, about, entries: state.entries }));

function said({ reason, error, figures, isDone, ended, audit, usage }) {
  if (reason ?? error) return reason ?? `FAILED: ${error}`;
  const numbers = Object.entries(figures).map(
    ([name, value]) => `${name} ${value === null ? '-' : Number(value.toPrecision(4))}`,
  );
  const wrong = audit && audit.lost + audit.repeated > 0 ? `; LOST ${audit.lost}, REPEATED ${audit.repeated}` : '';
  return `${numbers.join(', ')}${isDone ? '' : `; not done: ${ended}`}${wrong}; others ${(usage.others * 100).toFixed(0)} %`;
}
