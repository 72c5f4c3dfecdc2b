import { randomUUID } from 'node:crypto';
import { unpackClaim } from '../../dist/engine/postgres/claim-unpacking.js';
import { packOutcomes } from '../../dist/engine/postgres/outcome-packing.js';
import { connect } from '../lib/postgres.mjs';

const COLUMNS = 'queue_id, lane, created_at, run, attempt, max_attempts, name, payload';
const VALUES = `1, 0, clock_timestamp(), 1, 1, 4, 'noop'`;

/** What PostgreSQL itself does: plain inserts into a plain table with the columns and indexes of the log's. */
export async function plainTable({ url, schema, clients }) {
  const all = await Promise.all(Array.from({ length: clients }, () => connect(url)));
  const table = `${schema}.plain`;
  await all[0].query(`create table if not exists ${table} (like ${schema}.entry_0 including all)`);
  const one = `insert into ${table} (${COLUMNS}) values (${VALUES}, $1) returning job_id`;
  const many = `insert into ${table} (${COLUMNS}) select ${VALUES}, d from unnest($1::text[]) d returning job_id`;
  return {
    insert: (client, data) => all[client].query(one, [JSON.stringify(data)]),
    insertMany: (data) => all[0].query(many, [data.map((one_) => JSON.stringify(one_))]),
    close: () => Promise.all(all.map((client) => client.end())),
  };
}

/** The shipped claim and finish in a loop of `batch` by one bare client, until nothing is left: jobs, and ms. */
export async function claimLoop({ url, schema, batch }) {
  const client = await connect(url);
  const worker = randomUUID();
  await client.query(`select ${schema}.register_worker($1, 'floor', 0, '{}', false)`, [worker]);
  const claim = `select lane, n, job_ids, runs, attempts, max_attempts, created, names, options, meta, payloads, status
from ${schema}.claim(1, $1, $2, $3, 8388608, '{0}', '{noop}', false)`;
  const finish = `select job_id from ${schema}.finish(1, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, true)`;
  let jobs = 0;
  const begun = performance.now();
  for (let no = 1; ; no++) {
    const { runs } = unpackClaim((await client.query(claim, [worker, no, batch])).rows);
    if (runs.length === 0) break;
    jobs += runs.length;
    const outcomes = runs.map(({ key, run, lease }) => ({ key, run, lease, ran: 0, output: null }));
    await client.query(finish, [worker, ...packOutcomes(outcomes).values]);
  }
  const ms = performance.now() - begun;
  await client.end();
  return { jobs, ms };
}
