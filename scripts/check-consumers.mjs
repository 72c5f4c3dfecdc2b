// Installs the packed package beside Nest 11 and Nest 12 as applications would, and runs such applications: those in
// consumers/fixtures, by the Node that runs this or, with --all-nodes, by each that is supported.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { installConsumer } from './consumers/consumer.mjs';
import { allNodes } from './consumers/nodes.mjs';
import { npm, root } from './consumers/npm.mjs';
import { dropSchema, startServer } from './consumers/server.mjs';

const run = promisify(execFile);
const options = process.argv.slice(2);
if (options.some((option) => option !== '--all-nodes')) throw new Error('usage: check-consumers.mjs [--all-nodes]');
const nodes = options.length > 0 ? await allNodes() : [process.execPath];

const home = mkdtempSync(path.join(tmpdir(), 'pgqueue-consumers-'));
const pack = ['pack', '--json', '--ignore-scripts', '--pack-destination', home];
const [{ filename }] = JSON.parse(await npm(pack, root));
const consumers = [];
for (const nest of [11, 12]) {
  consumers.push(await installConsumer(path.join(home, `nest-${nest}`), nest, path.join(home, filename)));
}

let failed = false;
const server = await startServer();
try {
  for (const node of nodes) for (const consumer of consumers) await check(node, consumer);
} finally {
  await server.stop();
}
if (failed) console.log(`what failed can be looked at in ${home}`);
else rmSync(home, { recursive: true, force: true });
process.exitCode = failed ? 1 : 0;

async function check(node, { nest, programs }) {
  const { stdout: version } = await run(node, ['-p', 'process.versions.node']);
  const where = `Node ${version.trim()}, Nest ${nest}`;
  const good = [];
  for (const program of programs) {
    const problem = await problemOf(node, program);
    if (problem === undefined) good.push(program.name);
    else {
      failed = true;
      console.log(`failed: ${where}: ${program.name}: ${problem}`);
    }
  }
  console.log(`${where}: ${good.join(', ') || 'nothing'} ok`);
}

/** Why a program does not do what it should: it ends by itself, with 0, and says last that all is well. */
async function problemOf(node, { file, onDatabase }) {
  const schema = `consumer_${process.pid}`;
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(PG|DATABASE_URL$)/.test(name)));
  if (onDatabase) Object.assign(env, { DATABASE_URL: server.url, SCHEMA: schema });
  try {
    const { stdout, stderr } = await run(node, [file], { cwd: path.dirname(file), env, timeout: 60_000 });
    return stdout.endsWith('all is well\n') ? undefined : `it ended before its end\n${stdout}${stderr}`;
  } catch ({ code, killed, stdout, stderr, message }) {
    const how = killed ? 'it did not end within a minute' : `it ended with ${code ?? message}`;
    return `${how}\n${stdout}${stderr}`;
  } finally {
    if (onDatabase) await dropSchema(server.url, schema);
  }
}
