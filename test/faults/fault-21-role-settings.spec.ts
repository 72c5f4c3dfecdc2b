import { describe, expect, it } from 'vitest';
import { until } from '../support/signals.js';
import { faultTest } from './support/fault-test.js';
import { scaled, sleep } from './support/setting.js';

const fault = faultTest(21, 'settings of the role');
const { report } = fault;

async function role(name: string, settings: Record<string, string>): Promise<string> {
  const { client } = fault.database;
  await client.query(`create role ${name} login superuser password 'secret'`);
  fault.afterwards(() => client.query(`drop role ${name}`));
  for (const [setting, value] of Object.entries(settings)) {
    await client.query(`alter role ${name} set ${setting} = ${value}`);
  }
  const url = new URL(fault.database.url);
  url.username = name;
  url.password = 'secret';
  return url.href;
}

describe('a role with settings of a strict administrator', () => {
  it.each([
    [
      'timeouts',
      {
        statement_timeout: `'1s'`,
        lock_timeout: `'300ms'`,
        idle_in_transaction_session_timeout: `'1s'`,
        transaction_timeout: `'1s'`,
      },
    ],
    ['serializable', { default_transaction_isolation: `'serializable'` }],
    ['read_only', { default_transaction_read_only: 'on' }],
    ['idle_session', { idle_session_timeout: `'1s'` }],
  ])('works, also while tables are locked for longer than it waits (%s)', async (name, settings) => {
    const queue = fault.newQueue();
    const url = await role(`faults_${name}`, settings);
    const { schema } = fault.database;
    for (let i = 0; i < 2; i++) await fault.worker(queue, { concurrency: 5 }, { url });
    const jobs = (await fault.producer({ connection: url })).queue(queue);
    const added: string[] = [];
    let rejected = 0;
    let isOn = true;
    fault.afterwards(() => {
      isOn = false;
    });
    const adding = (async () => {
      for (let i = 0; isOn; i++) {
        const k = `${name}-${i}`;
        try {
          await jobs.add('work', { k, ms: i % 7 }, { uniqueKey: k });
          added.push(k);
        } catch {
          rejected++;
          await sleep(5);
        }
      }
    })();
    await until('it to work', async () => (await fault.ledger.done(queue)) > 20);
    const locker = await fault.database.connect();
    for (let i = 0; i < scaled(4, 2); i++) {
      await locker.query(`begin; lock table ${schema}.entry_0 in access exclusive mode`);
      await sleep(1_700);
      await locker.query('commit');
      const back = Date.now();
      report.injected('tables locked for 1.7 s');
      await until('work to go on', async () => (await fault.ledger.runs(queue)).some(({ started }) => started > back));
      report.recovered((await fault.ledger.runs(queue)).find(({ started }) => started > back)!.started - back);
      await sleep(scaled(1_000, 300));
    }
    isOn = false;
    await adding;
    expect(rejected > 0 || name !== 'timeouts', 'adds that timed out').toBe(true);
    if (rejected > 0) report.injected('add() that timed out and said so', rejected);
    await fault.ledger.quiet(queue, added, 20_000);
    await fault.account(queue, added);
    expect(fault.processes.every(({ isRunning }) => isRunning)).toBe(true);
  });
});
