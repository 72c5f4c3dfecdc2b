import { randomUUID } from 'node:crypto';
import { unpackClaim } from '../../dist/engine/postgres/claim-unpacking.js';
import { packOutcomes } from '../../dist/engine/postgres/outcome-packing.js';
import { payload } from '../lib/measure.mjs';

/**
 * What a queue carries along while it works: jobs of a name that nobody handles, in the lane of that name; jobs due in a
 * month; dead jobs. By the shipped functions.
 */
export async function pileUp(client, s, queueId, { waiting, delayed, dead }) {
  await client.query(`select ${s}.name_lane($1, 'parked', 0::smallint)`, [queueId]);
  await add(client, s, queueId, waiting, { name: 'parked' });
  await add(client, s, queueId, delayed, { name: 'work', options: { delay: 30 * 86_400_000 } });
  await die(client, s, queueId, dead);
  await client.query('checkpoint');
}

async function add(client, s, queueId, count, { name, options = null }) {
  const shapes = JSON.stringify([{ name, attempts: 1, options }]);
  for (let left = count; left > 0; left -= 5_000) {
    const payloads = Array.from({ length: Math.min(left, 5_000) }, (_, n) => JSON.stringify(payload(n))).join('\u001e');
    await client.query(`select ids from ${s}.add_jobs($1, $2, null, $3)`, [queueId, shapes, payloads]);
  }
}

async function die(client, s, queueId, count) {
  const worker = randomUUID();
  await client.query(`select ${s}.register_worker($1, 'backlog', 0, '{}', false)`, [worker]);
  const followUp = { state: 'f', reason: 'exhausted', charge: 0, error: { message: 'it failed' } };
  await add(client, s, queueId, count, { name: 'doomed' });
  for (let no = 1; ; no++) {
    const claim = `select * from ${s}.claim($1, $2, $3, 1000, 8388608, '{0}', '{doomed}', false)`;
    const { runs } = unpackClaim((await client.query(claim, [queueId, worker, no])).rows, no);
    if (runs.length === 0) break;
    const { values, claims } = packOutcomes(
      runs.map(({ key, run, lease }) => ({ key, run, lease, ran: 0, output: null, followUp })),
    );
    const finish = `select job_id from ${s}.finish($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, true, $12)`;
    await client.query(finish, [queueId, worker, ...values, claims]);
  }
  await client.query(`select ${s}.retire_worker($1)`, [worker]);
}
