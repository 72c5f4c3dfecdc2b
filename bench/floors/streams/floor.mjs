import { randomUUID } from 'node:crypto';
import { packOutcomes } from '../../../dist/engine/postgres/outcome-packing.js';
import { unpackBatch } from '../../../dist/engine/postgres/streams/batch-unpacking.js';
import { connect } from '../../lib/postgres.mjs';

const COLUMNS = 'stream_id, published_at, type, key, slot, payload';
/** What a group that holds keys reads by; null without a key. */
const SLOT = '(hashtextextended(k, 0) & 15)::smallint';

/** What PostgreSQL itself does: plain inserts into a plain table with the columns and indexes of the events'. */
export async function plainEventTable({ url, schema, clients }) {
  const all = await Promise.all(Array.from({ length: clients }, () => connect(url)));
  const table = `${schema}.plain_event`;
  await all[0].query(`create table if not exists ${table} (like ${schema}.event_0 including all)`);
  const values = `1, clock_timestamp(), 'noop', k, ${SLOT}, d`;
  const one = `insert into ${table} (${COLUMNS}) select ${values} from (select $1::text, null::text) p (d, k) returning event_id`;
  const many = `insert into ${table} (${COLUMNS}) select ${values} from unnest($1::text[], $2::text[]) p (d, k) returning event_id`;
  return {
    insert: (client, data) => all[client].query(one, [JSON.stringify(data)]),
    /** `keys`: one for each; without, they have none. */
    insertMany: (data, keys = null) => all[0].query(many, [data.map((one_) => JSON.stringify(one_)), keys]),
    close: () => Promise.all(all.map((client) => client.end())),
  };
}

/** The shipped take_batch() and finish() in a loop of `batch` by one bare client, as a new group: events, and ms. */
export async function batchLoop({ url, schema, stream, group, batch }) {
  const client = await connect(url);
  const worker = randomUUID();
  await client.query(`select ${schema}.register_worker($1, 'floor', 0, '{}', false)`, [worker]);
  const { rows } = await client.query(
    `select group_id from ${schema}.subscribe(${schema}.ensure_stream($1), $2, 'start')`,
    [stream, group],
  );
  const [{ group_id: id }] = rows;
  // prepared, as the package's own are
  const take = {
    name: 'take',
    text: `select lane, n, job_id, at_s0, at_s1, ids, txids, published, types, keys, headers, payloads, tries, held, look_in, status
from ${schema}.take_batch($1, $2, $3, $4, 8388608, false)`,
  };
  const finish = {
    name: 'finish',
    text: `select job_id from ${schema}.finish($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, true, $12)`,
  };
  let events = 0;
  const begun = performance.now();
  for (let no = 1; ; no++) {
    const answer = await client.query({ ...take, values: [id, worker, no, batch] });
    const { batch: taken } = unpackBatch(answer.rows, no);
    if (taken === undefined) break;
    events += taken.events.length;
    const { values, claims } = packOutcomes([{ key: taken.key, run: 1, lease: taken.lease, ran: 0, output: null }]);
    await client.query({ ...finish, values: [id, worker, ...values, claims] });
  }
  const ms = performance.now() - begun;
  await client.end();
  return { events, ms };
}
