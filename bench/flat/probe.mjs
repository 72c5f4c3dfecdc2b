import { randomUUID } from 'node:crypto';
import { unpackClaim } from '../../dist/engine/postgres/claim-unpacking.js';
import { packJobs } from '../../dist/engine/postgres/job-packing.js';
import { packOutcomes } from '../../dist/engine/postgres/outcome-packing.js';
import { connect } from '../lib/postgres.mjs';
import { payload } from '../lib/measure.mjs';

const TIMES = 3;
const BATCH = 100;

const drafts = (count, options = {}) =>
  Array.from({ length: count }, (_, n) => ({
    name: 'work',
    data: JSON.stringify(payload(n)),
    options: { attempts: 4, priority: 0, ...options },
  }));

/**
 * A bare client with a queue of its own beside the busy one. It counts the buffers that the functions touch, and how long
 * they take by the server's clock: the least of a few, since the transactions of all others are looked for too.
 */
export class Probe {
  #client;
  #s;
  #queueId;
  #worker = randomUUID();
  #claimNo = 0;

  static async start({ url, schema }) {
    const probe = new Probe();
    probe.#client = await connect(url);
    probe.#s = schema;
    probe.#queueId = await probe.#value(`select ${schema}.ensure_queue('probe')`);
    await probe.#value(`select ${schema}.register_worker($1, 'probe', 0, '{}', false)`, [probe.#worker]);
    return probe;
  }

  get queueId() {
    return this.#queueId;
  }

  /** Without a sign of life it would be taken for dead. */
  async beat() {
    await this.#value(`select ${this.#s}.beat($1, 0, false)`, [this.#worker]);
  }

  async stop() {
    await this.#value(`select ${this.#s}.retire_worker($1)`, [this.#worker]);
    await this.#client.end();
  }

  /** By statement: buffers, and ms. */
  async costs() {
    await this.#drain();
    const least = {};
    const note = (what, { buffers, ms }) => {
      const before = least[what] ?? { buffers: Infinity, ms: Infinity };
      least[what] = { buffers: Math.min(before.buffers, buffers), ms: Math.min(before.ms, ms) };
    };
    for (let time = 0; time < TIMES; time++) {
      note('add 1', await this.#explain(...this.#add(drafts(1))));
      note(`add ${BATCH}`, await this.#explain(...this.#add(drafts(BATCH))));
      note(`add 1 with a used key`, await this.#explain(...this.#add(drafts(1, { uniqueKey: 'probe' }))));
      note(`claim of ${BATCH}`, await this.#explain(...this.#claim(BATCH)));
      note(`finish of ${BATCH}`, await this.#explain(...this.#finish(await this.#claimed())));
      await this.#drain();
      note('claim of nothing', await this.#explain(...this.#claim(BATCH)));
      note('claim of nothing, finding its lanes', await this.#explain(...this.#claim(BATCH, null)));
      await this.#client.query(...this.#add(drafts(BATCH, { delay: 1 })));
      await this.#client.query('select pg_sleep(0.005)');
      note(`promotion of ${BATCH}`, await this.#explain(...this.#promote()));
      note('promotion of nothing', await this.#explain(...this.#promote()));
      note('a sign of life', await this.#explain(`select ${this.#s}.beat($1, 0, false)`, [this.#worker]));
      await this.#drain();
    }
    return least;
  }

  async #explain(text, values) {
    const { rows } = await this.#client.query(`explain (analyze, buffers, format json) ${text}`, values);
    const [{ Plan: plan, 'Execution Time': ms }] = rows[0]['QUERY PLAN'];
    return { buffers: plan['Shared Hit Blocks'] + plan['Shared Read Blocks'], ms };
  }

  #add(jobs) {
    const { shapes, shapeOf, payloads } = packJobs(jobs);
    const values = [String(this.#queueId), shapes, shapeOf, payloads];
    return [`select a.ids from ${this.#s}.add_jobs($1::text::int, $2::text, $3::text, $4::text) a`, values];
  }

  #claim(want, lanes = [0], again = false) {
    if (!again) this.#claimNo++;
    return [
      `select * from ${this.#s}.claim($1, $2, $3, $4, 8388608, $5, '{work}', $6)`,
      [this.#queueId, this.#worker, this.#claimNo, want, lanes, again],
    ];
  }

  /** What an EXPLAIN has claimed: the answer is asked for again. */
  async #claimed() {
    return unpackClaim((await this.#client.query(...this.#claim(BATCH, [0], true))).rows, this.#claimNo).runs;
  }

  #finish(runs) {
    const { values, claims } = packOutcomes(
      runs.map(({ key, run, lease }) => ({ key, run, lease, ran: 0, output: null })),
    );
    return [
      `select job_id from ${this.#s}.finish($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, true, $12)`,
      [this.#queueId, this.#worker, ...values, claims],
    ];
  }

  #promote() {
    return [`select * from ${this.#s}.promote($1, 1000)`, [this.#queueId]];
  }

  async #drain() {
    for (;;) {
      const { rows } = await this.#client.query(...this.#claim(1_000));
      const { runs } = unpackClaim(rows, this.#claimNo);
      if (runs.length === 0) return;
      await this.#client.query(...this.#finish(runs));
    }
  }

  async #value(text, values) {
    return Object.values((await this.#client.query(text, values)).rows[0] ?? {})[0];
  }
}
