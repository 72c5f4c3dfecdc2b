import { describe, expect, it } from 'vitest';
import { until } from '../support/signals.js';
import { faultTest, work } from './support/fault-test.js';
import { scaled, sleep } from './support/setting.js';

const fault = faultTest(20, 'late and double completion');
const { report } = fault;

describe('a completion that comes too late', () => {
  it('after cancel() is refused, on its own and in a transaction; the signal aborts within a second', async () => {
    const queue = fault.newQueue();
    const jobs = (await fault.producer()).queue(queue);
    const worker = await fault.worker(queue, { concurrency: 20 });
    const some = [
      ...work(5, 'late-', () => ({ after: 100, tell: true }), 'late').jobs,
      ...work(5, 'aborts-', () => ({ tell: true }), 'aborts').jobs,
    ];
    const added = await jobs.addBulk(some);
    await until('all to have begun', () => worker.told.filter(({ event }) => event === 'began').length === some.length);
    const cancelledAt = Date.now();
    for (const job of added) expect(await job.cancel('not needed any more')).toBe(true);
    report.injected('running jobs cancelled', added.length);
    await until('all to have ended', async () => (await fault.ledger.runs(queue)).every(({ ended }) => ended !== null));
    const runs = await fault.ledger.runs(queue);
    for (const run of runs) {
      const aborted = run.ended! - cancelledAt - (run.name === 'late' ? 100 : 0);
      report.recovered(aborted);
      expect(aborted, run.key).toBeLessThan(1_500);
      expect(run.outcome).toBe(run.name === 'late' ? 'refused: LeaseLostError' : 'aborted: JobCancelledError');
    }
    await sleep(300);
    const ends = await fault.ledger.ends(queue);
    expect(some.map(({ data: { k } }) => ends.get(k))).toEqual(some.map(() => 'x'));
    for (const { id } of added) {
      const job = (await jobs.getJob(id))!;
      expect([await job.getState(), job.failedReason]).toEqual(['failed', 'not needed any more']);
    }
    expect([...(await fault.ledger.effects()).keys()]).toEqual([]);
    await fault.account(
      queue,
      [],
      undefined,
      some.map(({ data: { k } }) => k),
    );
  });

  it('after remove() of a job that waits, or twice, changes nothing', async () => {
    const queue = fault.newQueue();
    const jobs = (await fault.producer()).queue(queue);
    const { jobs: some, keys } = work(20, 'removed-');
    const added = await jobs.addBulk(some);
    const gone = added.slice(0, 10);
    for (const { id } of gone) expect(await jobs.remove(id)).toBe(true);
    report.injected('waiting jobs removed', gone.length);
    await fault.worker(queue);
    await fault.ledger.quiet(queue, keys.slice(10), 10_000);
    for (const job of added.slice(10)) expect(await job.cancel()).toBe(false);
    report.injected('ended jobs cancelled', 10);
    await sleep(300);
    const ran = await fault.ledger.runs(queue);
    expect(new Set(ran.map(({ key }) => key))).toEqual(new Set(keys.slice(10)));
    await fault.account(queue, keys.slice(10));
  });
});

describe('results whose writing fails', () => {
  const failing = async (code: string, about: string, key: string, times: number): Promise<void> => {
    const { schema, client } = fault.database;
    const { schema: ledger } = fault.ledger;
    await client.query(`create sequence if not exists ${ledger}.failures;
create or replace function ${ledger}.fail() returns trigger language plpgsql as $$
begin
  if exists (select from ${schema}.entry e where e.queue_id = new.queue_id and e.job_id = new.job_id and e.payload::jsonb->>'k' like '${key}')
     and new.state = 'c' ${code.startsWith('22') ? 'and new.output is not null' : ''} and nextval('${ledger}.failures') <= ${times} then
    raise exception '${about}' using errcode = '${code}';
  end if;
  return new;
end $$`);
    for (const i of [0, 1, 2]) {
      await client.query(
        `create or replace trigger fail before insert on ${schema}.result_${i} for each row execute function ${ledger}.fail()`,
      );
    }
    fault.afterwards(async () => {
      for (const i of [0, 1, 2]) await client.query(`drop trigger if exists fail on ${schema}.result_${i}`);
      await client.query(`drop sequence if exists ${ledger}.failures`);
    });
  };
  const failures = async (): Promise<number> => {
    // a sequence counts what was rolled back as well
    const { rows } = await fault.database.client.query(
      `select case when is_called then last_value else 0 end::int as n from ${fault.ledger.schema}.failures`,
    );
    return rows[0].n;
  };

  it.each([
    ['40001', 'could not serialize access', '%', 6],
    ['57014', 'canceling statement due to statement timeout', '%', 6],
    ['55P03', 'canceling statement due to lock timeout', '%', 6],
    ['53200', 'out of memory', '%', 6],
  ])('for a while (%s) are written in the end, once', async (code, about, key, times) => {
    const queue = fault.newQueue();
    const jobs = (await fault.producer()).queue(queue);
    await failing(code, about, key, times);
    await fault.worker(queue, { concurrency: 50 });
    const { jobs: some, keys } = work(scaled(200, 100), `${code}-`);
    await jobs.addBulk(some);
    const ends = await fault.ledger.quiet(queue, keys, 60_000);
    const failed = Math.min(await failures(), times);
    expect(failed).toBe(times);
    report.injected(`results refused with ${code}`, failed);
    expect([...ends.values()].filter((end) => end !== 'c')).toEqual([]);
    await fault.account(queue, keys);
  });

  it('because one of them cannot be stored are written without it, and that job completes without its result', async () => {
    const queue = fault.newQueue();
    const jobs = (await fault.producer()).queue(queue);
    await failing('22P05', 'untranslatable character', 'bad-77', 1_000_000);
    await fault.worker(queue, { concurrency: 100 });
    const { jobs: some, keys } = work(100, 'bad-', () => ({ ms: 20 }));
    const added = await jobs.addBulk(some);
    await fault.ledger.quiet(queue, keys, 30_000);
    const failed = await failures();
    expect(failed).toBeGreaterThan(1);
    report.injected('batches with one bad row', failed);
    const results = await Promise.all(added.map(async ({ id }) => (await jobs.getJob(id))!.returnvalue));
    expect(results.filter((result) => result === null)).toHaveLength(1);
    expect(results[77]).toBeNull();
    await fault.account(queue, keys);
  });
});

describe('an effect in the handler’s own transaction', () => {
  it('is there exactly once per job, also when its transaction is rolled back and the job runs again', async () => {
    const queue = fault.newQueue();
    const jobs = (await fault.producer()).queue(queue);
    for (let i = 0; i < 2; i++) await fault.worker(queue, { concurrency: 5, backoff: 50 });
    const { jobs: some, keys } = work(scaled(200, 60), 'once-', () => ({ before: 5, ms: 20 }), 'tx');
    await jobs.addBulk(some);
    let cut = 0;
    while ((await fault.ledger.done(queue)) < keys.length / 2) {
      await sleep(100);
      const { rows } = await fault.database.client.query(
        `select pg_terminate_backend(pid) as cut from pg_stat_activity
where application_name = 'ledger' and state like 'idle in transaction%' and query like $1 limit 2`,
        [`%${fault.database.schema}%`],
      );
      cut += rows.filter((row) => row.cut).length;
    }
    expect(cut).toBeGreaterThan(2);
    report.injected('transactions with completeIn() cut', cut);
    const ends = await fault.ledger.quiet(queue, keys, 30_000);
    expect([...ends.values()].filter((end) => end !== 'c')).toEqual([]);
    const effects = await fault.ledger.effects();
    expect(keys.map((key) => effects.get(key))).toEqual(keys.map(() => 1));
    await until('the ledger', async () => (await fault.ledger.runs(queue)).every(({ ended }) => ended !== null));
    await fault.account(queue, keys, (run) =>
      run.outcome?.startsWith('refused') === true ? 'its transaction was cut: its attempt failed' : undefined,
    );
  });
});
