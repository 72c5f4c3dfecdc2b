import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { hasPgBouncer, type PgBouncer, startPgBouncer } from '../support/pgbouncer.js';
import { until } from '../support/signals.js';
import { faultTest, killed, work } from './support/fault-test.js';
import { scaled, sleep } from './support/setting.js';

const fault = faultTest(22, 'behind a transaction pooler');
const { report, random } = fault;

/** Without LISTEN, a killed process's jobs run elsewhere within this time: ms. */
const TAKEOVER = 35_000;
/** Sessions of the pooler's at the server. */
const POOL = 6;

async function bounced(poolMode: 'transaction' | 'statement'): Promise<PgBouncer & { named: string }> {
  const bouncer = await startPgBouncer(fault.database.url, { poolMode, poolSize: POOL });
  fault.afterwards(() => bouncer.stop());
  return { ...bouncer, named: `${bouncer.url}?application_name=bounced` };
}

/** What sessions of the pooler's hold that they should not. */
async function leftovers(url: string): Promise<unknown[]> {
  const { rows: locks } = await fault.database.client.query(
    `select l.objid from pg_locks l join pg_stat_activity a using (pid)
where l.locktype = 'advisory' and a.application_name = 'bounced' and a.state = 'idle'`,
  );
  const found: unknown[] = [...locks];
  // all of the pooler's sessions at once, each held by a transaction
  const clients = await Promise.all(
    Array.from({ length: POOL }, async () => {
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      await client.query('begin');
      found.push(...(await client.query('select pg_listening_channels() as listens')).rows);
      return client;
    }),
  );
  await Promise.all(clients.map((client) => client.end()));
  return found;
}

describe.skipIf(!hasPgBouncer)('behind PgBouncer (needs pgbouncer)', () => {
  it('in transaction mode: everything runs; a killed process is replaced within 35 s, and no session keeps anything', async () => {
    const queue = fault.newQueue();
    const bouncer = await bounced('transaction');
    const jobs = (await fault.producer({ connection: bouncer.named })).queue(queue);
    const [victim, other] = await Promise.all(
      [1, 2].map(() => fault.worker(queue, { concurrency: 3 }, { url: bouncer.named })),
    );
    const held = work(3, 'held-', () => ({ ms: 60_000, tell: true }), 'aborts');
    await jobs.pause();
    process.kill(other!.pid, 'SIGSTOP');
    await jobs.resume();
    await jobs.addBulk(held.jobs);
    await until('the victim to hold them', () => victim!.told.filter(({ event }) => event === 'began').length === 3);
    process.kill(other!.pid, 'SIGCONT');
    expect(await victim!.kill()).toBe(true);
    report.injected('kill -9 without LISTEN');
    const some = work(scaled(2_000, 500), 'meanwhile-', () => ({ ms: random.between(0, 10) }));
    for (let i = 0; i < some.jobs.length; i += 50) {
      await jobs.addBulk(some.jobs.slice(i, i + 50));
      if (i % 250 === 0) {
        // as by server_reset or a restart behind it
        const { rows } = await fault.database.client.query(
          `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'bounced' and state = 'idle'`,
        );
        report.injected('connections of the pooler cut', rows.length);
      }
      await sleep(20);
    }
    await fault.ledger.quiet(queue, some.keys, 60_000);
    await fault.account(queue, some.keys);
    await until(
      'the victim’s to run elsewhere',
      async () => (await fault.ledger.runs(queue)).some(({ pid, name }) => pid === other!.pid && name === 'aborts'),
      60_000,
    );
    const again = (await fault.ledger.runs(queue)).find(({ pid, name }) => pid === other!.pid && name === 'aborts')!;
    const took = again.started - victim!.killedAt!;
    report.recovered(took);
    expect(took).toBeGreaterThan(25_000);
    expect(took).toBeLessThan(TAKEOVER);
    expect(report.times('connections of the pooler cut')).toBeGreaterThan(0);
    await fault.account(queue, [], killed(fault.processes), held.keys);
    await other!.kill();
    await until('its statements to end', async () => (await leftovers(bouncer.named)).length === 0, 5_000);
    // one that heard nothing has said so
    const said = other!.told.filter(({ level }) => level === 'warn').map(({ text }) => String(text));
    expect(
      said.filter((text) => /pooler/i.test(text)),
      said.join('\n'),
    ).toHaveLength(1);
  });

  it('in statement mode: jobs run, or startup says what is wrong', async () => {
    const queue = fault.newQueue();
    const bouncer = await bounced('statement');
    const jobs = (await fault.producer()).queue(queue);
    const child = fault.spawn({ queues: { [queue]: {} }, url: bouncer.named });
    const some = work(100, 'statement-');
    await jobs.addBulk(some.jobs);
    await until(
      'it to start or to refuse',
      () => child.told.some(({ event }) => event === 'ready' || event === 'failed'),
      40_000,
    );
    report.injected('statement mode');
    if (child.told.some(({ event }) => event === 'failed')) {
      report.note(
        `statement mode is refused: ${String(child.told.find(({ event }) => event === 'failed')!['message'])}`,
      );
      await fault.worker(queue);
    }
    await fault.ledger.quiet(queue, some.keys, 20_000);
    const judgement = await fault.account(queue, some.keys);
    expect(judgement.lost).toEqual([]);
  });
});
