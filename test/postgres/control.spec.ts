import { beforeEach, describe, expect, it } from 'vitest';
import type { PostgresJobEngine } from '../../lib/engine/postgres/postgres-job.engine.js';
import { failure, keysOf, many, outcome, testEngine, type TestQueue, type TestWorker } from '../support/engine.js';
import { aWhile, until } from '../support/signals.js';

const engine = testEngine();

let queue: TestQueue;
let worker: TestWorker;

const jobs = () => engine.main.jobs;

beforeEach(async () => {
  queue = await engine.queue();
  worker = await engine.worker();
});

describe('cancel', () => {
  it('of a waiting or delayed job: it never runs, is kept as failed, and may be retried', async () => {
    const [waiting, delayed] = await engine.main.add(queue, {}, { delay: 1, uniqueKey: 'k' });
    expect(await jobs().cancel(queue.name, waiting!.id, 'why')).toBe('waiting');
    expect(await jobs().cancel(queue.name, delayed!.id, 'why')).toBe('delayed');
    expect(await jobs().cancel(queue.name, delayed!.id, 'why')).toBeNull();
    await until('it to be due', async () => (await worker.session.work.promote(queue.id, 10)).nextDueIn === null);
    expect(await worker.claimKeys(queue)).toEqual([]);
    expect(await jobs().getJob(queue.name, waiting!.id)).toMatchObject({
      state: 'failed',
      attemptsStarted: 0,
      errors: [{ message: 'why' }],
    });
    expect((await engine.main.add(queue, { uniqueKey: 'k' }))[0]!.existing).toBeUndefined();
    expect(await jobs().retryDead(queue.name, { ids: [waiting!.id] })).toBe(1);
    expect(await worker.claimKeys(queue)).toContain(waiting!.key);
  });

  it('of a running job ends its run there and then: what its process makes of it is refused', async () => {
    const [job] = await engine.main.add(queue);
    const [run] = (await worker.claim(queue)).runs;
    expect(await jobs().cancel(queue.name, job!.id, 'why')).toBe('active');
    expect(await worker.session.work.runsTaken(queue.id, [run!])).toEqual([
      { key: run!.key, run: 1, state: 'x', why: 'why' },
    ]);
    expect(await worker.finish(queue, [outcome(run!, { state: 'r', to: 'home', charge: 1 })])).toEqual([
      { key: run!.key, run: 1, state: 'x' },
    ]);
    expect(await worker.claimKeys(queue)).toEqual([]);
    expect(await engine.state(queue, job!)).toBe('failed');
  });

  it('of a run that is being completed in an open transaction does not happen', async () => {
    const [job] = await engine.main.add(queue);
    const [run] = (await worker.claim(queue)).runs;
    const { client, work } = worker.session;
    await client.query('begin');
    await work.completeIn(client, worker.id, queue.id, outcome(run!));
    expect(await jobs().cancel(queue.name, job!.id, 'why')).toBeNull();
    await client.query('commit');
    expect(await engine.state(queue, job!)).toBe('completed');
  });

  it('of a waiting job waits for who holds its queue, however long: it is not taken for one that had ended', async () => {
    const [job] = await engine.main.add(queue);
    const [holder, cancelling] = [await engine.session(), await engine.session()];
    await holder.client.query('begin');
    await holder.client.query(`select pg_advisory_xact_lock(${engine.s}.lock_key('queue', $1::text))`, [queue.id]);
    const cancelled = cancelling.jobs.cancel(queue.name, job!.id, 'why');
    await aWhile(1200);
    await holder.commit();
    expect(await cancelled).toBe('waiting');
    expect(await worker.claimKeys(queue)).toEqual([]);
  });

  it('at the same moment as claims and finishes: each job ends in one way', async () => {
    const added = await engine.main.add(queue, ...many(200));
    const canceller = await engine.session();
    const cancelled: string[] = [];
    const completed: string[] = [];
    // some are done before the first is cancelled, the last; they meet in the middle
    const { runs: first } = await worker.claim(queue, { want: 3 });
    await worker.endAll(queue, first);
    completed.push(...keysOf(first));
    const cancelling = (async () => {
      for (const { id, key } of added.toReversed())
        if ((await canceller.jobs.cancel(queue.name, id, 'why')) !== null) cancelled.push(key);
    })();
    for (let idle = 0; idle < 3;) {
      const { runs } = await worker.claim(queue, { want: 3 });
      const refused = await worker.finish(
        queue,
        runs.map((run) => outcome(run)),
      );
      completed.push(...keysOf(runs).filter((key) => !refused.some((one) => one.key === key)));
      idle = runs.length === 0 ? idle + 1 : 0;
    }
    await cancelling;
    expect([...cancelled, ...completed].toSorted()).toEqual(keysOf(added).toSorted());
    expect(completed.length).toBeGreaterThan(0);
    expect(cancelled.length).toBeGreaterThan(0);
  });
});

describe('promote, updateData and changePriority', () => {
  it('a delayed job is due at once, and only once', async () => {
    const [job] = await engine.main.add(queue, { delay: 60_000 });
    expect(await jobs().promote(queue.name, job!.id)).toBe(true);
    expect(await jobs().promote(queue.name, job!.id)).toBe(false);
    expect((await worker.claim(queue)).runs).toMatchObject([{ key: job!.key, attempt: 1 }]);
    await engine.rows(`update ${engine.s}.delayed_0 set run_at = now() where queue_id = $1`, [queue.id]);
    await worker.session.work.promote(queue.id, 10);
    expect(await worker.claimKeys(queue)).toEqual([]);
  });

  it('new data is what the next attempt gets, and a waiting job keeps its place', async () => {
    const [first, second, delayed] = await engine.main.add(queue, { data: 1 }, { data: 1 }, { data: 1, delay: 60_000 });
    for (const { id } of [first!, second!, delayed!]) expect(await jobs().updateData(queue.name, id, '2')).toBe(true);
    const { runs } = await worker.claim(queue);
    expect(runs.map(({ key, data }) => [key, data])).toEqual([
      [first!.key, '2'],
      [second!.key, '2'],
    ]);
    // of a run that is under way: by its own process, and by others
    expect(await jobs().updateData(queue.name, first!.id, '3', runs[0])).toBe(true);
    expect(await jobs().updateData(queue.name, second!.id, '4')).toBe(true);
    await worker.endAll(queue, runs, { state: 'r', to: 'home', charge: 1 });
    expect((await worker.claim(queue)).runs.map(({ data }) => data)).toEqual(['3', '4']);
    expect(await engine.main.jobs.getJob(queue.name, delayed!.id)).toMatchObject({ data: '2' });
    expect(await jobs().updateData(queue.name, '999999', '2')).toBe(false);
  });

  it('new data for a run that is under way is not lost to a finish at the same moment', async () => {
    const [job] = await engine.main.add(queue, { data: 1 });
    const [run] = (await worker.claim(queue)).runs;
    const { client } = worker.session;
    await client.query('begin');
    await worker.finish(queue, [outcome(run!, { state: 'r', to: 'home', charge: 1 })]);
    const other = await engine.session();
    const updating = other.jobs.updateData(queue.name, job!.id, '2');
    await client.query('commit');
    expect(await updating).toBe(true);
    expect((await worker.claim(queue)).runs).toMatchObject([{ data: '2' }]);
  });

  it('another priority stands at the end of its line; a delayed job will stand there', async () => {
    const [low, lower, delayed, high] = await engine.main.add(
      queue,
      { priority: 5 },
      { priority: 5 },
      { delay: 60_000 },
      {},
    );
    expect(await jobs().changePriority(queue.name, lower!.id, 0)).toBe(true);
    expect(await jobs().changePriority(queue.name, delayed!.id, 1)).toBe(true);
    await jobs().promote(queue.name, delayed!.id);
    expect(await worker.claimKeys(queue)).toEqual(keysOf([high!, lower!, delayed!, low!]));
    expect(await jobs().changePriority(queue.name, low!.id, 0)).toBe(false);
    expect(await jobs().getJob(queue.name, lower!.id)).toMatchObject({ options: { priority: 0 } });
  });
});

describe('whoever changes rows of a segment that is being reclaimed', () => {
  type Change = (jobs: PostgresJobEngine, id: string) => Promise<boolean>;
  const changes: Record<string, Change> = {
    changePriority: async (control, id) => control.changePriority(queue.name, id, 3),
    updateData: async (control, id) => control.updateData(queue.name, id, '2'),
    remove: async (control, id) => control.remove(queue.name, id),
    clean: async (control) => (await control.clean(queue.name, 0, 10, 'completed')).length === 0,
  };

  it.each(Object.entries(changes))('waits for that without keeping claims waiting: %s', async (_, change) => {
    const [waiting, delayed] = await engine.main.add(queue, {}, { delay: 60_000 });
    const [reclaiming, changing] = [await engine.session(), await engine.session()];
    await reclaiming.client.query(`begin; lock table ${engine.s}.delayed_0 in share mode`);
    const changed = change(changing.jobs, delayed!.id);
    const waits = `select from pg_locks where not granted and mode = 'RowExclusiveLock' and relation = '${engine.s}.delayed_0'::regclass`;
    await until('it to wait', async () => (await engine.rows(waits)).length === 1);
    expect(await worker.claimKeys(queue)).toEqual(keysOf([waiting!]));
    await reclaiming.client.query('rollback');
    expect(await changed).toBe(true);
  });

  it('changes the data of a run that is under way when a transaction that completes another has ended', async () => {
    const [one, other] = await engine.main.add(queue, {}, {});
    const { runs } = await worker.claim(queue);
    const [completing, changing] = [await engine.session(), await engine.session()];
    await completing.client.query('begin');
    await completing.client.query(`select ${engine.s}.complete_in($1, $2, 0, $3, $4, 1, 0, null)`, [
      queue.id,
      worker.id,
      runs[0]!.lease.n,
      one!.key,
    ]);
    const changed = changing.jobs.updateData(queue.name, other!.id, '2');
    const asked = `select from pg_stat_activity where query like '%update_data%' and state = 'idle' and datname = current_database()`;
    // longer than one try
    await until('it to have been refused once', async () => (await engine.rows(asked)).length > 0);
    await completing.client.query('commit');
    expect(await changed).toBe(true);
  });
});

describe('whoever ends or changes a run decides by what stands there under its locks', () => {
  const calls: Record<string, string> = {
    cancel_job: `($1, $2, 'why')`,
    remove_job: '($1, $2)',
    promote_job: '($1, $2)',
    change_priority: '($1, $2, 3)',
    update_data: `($1, $2, '2')`,
  };

  it.each(Object.entries(calls))('and refuses a snapshot from before: %s', async (name, values) => {
    const [job] = await engine.main.add(queue, { delay: 1 });
    const old = await engine.session();
    await old.client.query('begin isolation level repeatable read');
    await old.client.query('select 1');
    await until('it to be due', async () => (await worker.session.work.promote(queue.id, 10)).nextDueIn === null);
    const { runs } = await worker.claim(queue);
    expect(keysOf(runs)).toEqual([job!.key]);
    const call = `select ${engine.s}.${name}${values}`;
    expect(await failure(old.client.query(call, [queue.id, job!.key]))).toBe('PQ003');
    await old.rollback();
    await old.begin(queue);
    expect(await failure(old.client.query(call, [queue.id, job!.key]))).toBe('none');
    await old.rollback();
    expect(await worker.endAll(queue, runs)).toEqual([]);
  });
});

describe('drain, pause and resume', () => {
  it('what waits is gone, what runs, is delayed or comes later is not', async () => {
    const [running] = await engine.main.add(queue, { uniqueKey: 'running' });
    await worker.claim(queue);
    const waiting = await engine.main.add(queue, ...many(20), { priority: 2 }, { uniqueKey: 'k' });
    const [delayed] = await engine.main.add(queue, { delay: 60_000, uniqueKey: 'later' });
    const open = await engine.session();
    const [uncommitted] = await open.begin(queue);
    const later = await engine.session();
    expect(await later.jobs.drain(queue.name, false)).toBe(22);
    await open.commit();
    for (const job of waiting) expect(await engine.state(queue, job)).toBeUndefined();
    expect(await engine.state(queue, running!)).toBe('active');
    expect(await engine.state(queue, delayed!)).toBe('delayed');
    // the keys of what was drained are free, the others are not
    expect((await engine.main.add(queue, { uniqueKey: 'k' }))[0]!.existing).toBeUndefined();
    expect((await engine.main.add(queue, { uniqueKey: 'running' }))[0]!.existing?.key).toBe(running!.key);
    expect((await engine.main.add(queue, { uniqueKey: 'later' }))[0]!.existing?.key).toBe(delayed!.key);
    const keys = await worker.claimKeys(queue);
    expect(keys).toContain(uncommitted!.key);
    expect(keys).toHaveLength(2);
  });

  it('with true, what is delayed is gone too', async () => {
    const added = await engine.main.add(queue, {}, { delay: 60_000 }, { delay: 1, uniqueKey: 'k' });
    expect(await (await engine.session()).jobs.drain(queue.name, true)).toBe(3);
    for (const job of added) expect(await engine.state(queue, job)).toBeUndefined();
    await engine.rows(`update ${engine.s}.delayed_0 set run_at = now() where queue_id = $1`, [queue.id]);
    await worker.session.work.promote(queue.id, 10);
    expect(await worker.claimKeys(queue)).toEqual([]);
    expect((await engine.main.add(queue, { uniqueKey: 'k' }))[0]!.existing).toBeUndefined();
    const { counts } = await jobs().getJobCounts(queue.name, ['waiting', 'delayed', 'active']);
    expect(counts).toEqual({ waiting: 1, delayed: 0, active: 0 });
  });

  it('what was drained is reclaimed, and its mark forgotten', async () => {
    await engine.main.add(queue, ...many(5), { delay: 60_000 });
    await (await engine.session()).jobs.drain(queue.name, true);
    for (const ring of ['entry', 'delayed', 'lease']) expect(await engine.turn(ring)).toBe('reclaimed');
    await engine.main.upkeep.purgeDrained();
    for (const table of ['entry', 'delayed', 'drained']) {
      expect(await engine.rows(`select from ${engine.s}.${table} where queue_id = $1`, [queue.id])).toEqual([]);
    }
  });

  it('a mark is not forgotten by a snapshot from before what it stands for was moved', async () => {
    const [open, old] = [await engine.session(), await engine.session()];
    const [kept] = await open.begin(queue);
    await engine.main.add(queue);
    await (await engine.session()).jobs.drain(queue.name, false);
    await open.commit();
    await old.client.query('begin isolation level repeatable read');
    await old.client.query('select 1');
    expect(await engine.turn('entry')).toBe('reclaimed');
    const refused = await failure(old.upkeep.purgeDrained());
    await old.commit();
    const marks = await engine.rows(`select from ${engine.s}.drained where queue_id = $1`, [queue.id]);
    expect({ refused, marks: marks.length }).toEqual({ refused: 'PQ003', marks: 1 });
    await old.upkeep.purgeDrained();
    expect(await engine.state(queue, kept!)).toBe('waiting');
  });

  it('a paused queue hands out nothing, to nobody, until it is resumed', async () => {
    const added = await engine.main.add(queue, ...many(2));
    await jobs().setPaused(queue.name, true);
    expect(await jobs().isPaused(queue.name)).toBe(true);
    expect(await worker.claimKeys(queue)).toEqual([]);
    await jobs().setPaused(queue.name, false);
    expect(await worker.claimKeys(queue)).toEqual(keysOf(added));
  });
});

describe('clean, and dead jobs', () => {
  it('what has ended is removed before its time, the oldest first', async () => {
    const added = await engine.main.add(queue, ...many(3));
    const { runs } = await worker.claim(queue);
    await worker.finish(queue, [
      outcome(runs[0]!),
      outcome(runs[1]!),
      outcome(runs[2]!, { state: 'f', reason: 'exhausted' }),
    ]);
    expect(await jobs().clean(queue.name, 60_000, 10, 'completed')).toEqual([]);
    expect(await jobs().clean(queue.name, 0, 1, 'completed')).toEqual([added[0]!.id]);
    expect(await jobs().clean(queue.name, 0, 10, 'completed')).toEqual([added[1]!.id]);
    expect(await jobs().clean(queue.name, 0, 10, 'failed')).toEqual([added[2]!.id]);
    expect((await jobs().getJobCounts(queue.name, ['completed', 'failed'])).counts).toEqual({
      completed: 0,
      failed: 0,
    });
    expect(await engine.turn('lease')).toBe('reclaimed');
  });

  it('what has ended is removed a few at a time: none is passed over, and no more than was asked for', async () => {
    const added = await engine.main.add(queue, ...many(130));
    const { runs } = await worker.claim(queue, { want: 130 });
    await worker.endAll(queue, runs);
    // what has no entry any more cannot be removed, and stops nothing
    for (const segment of [0, 1, 2]) {
      await engine.rows(`delete from ${engine.s}.entry_${segment} where queue_id = $1 and job_id <= $2`, [
        queue.id,
        added[59]!.key,
      ]);
    }
    expect(await jobs().clean(queue.name, 0, 60, 'completed')).toEqual(added.slice(60, 120).map(({ id }) => id));
    expect(await jobs().clean(queue.name, 0, 100, 'completed')).toEqual(added.slice(120).map(({ id }) => id));
  });

  it('one whose unique key an open transaction takes stays dead, and is not waited for until that has ended', async () => {
    const [keyed, other] = await engine.main.add(queue, { uniqueKey: 'k' }, {});
    await worker.endAll(queue, (await worker.claim(queue)).runs, { state: 'f', reason: 'exhausted' });
    const user = await engine.session();
    await user.begin(queue, { uniqueKey: 'k' });
    const retried = (await engine.session()).jobs.retryDead(queue.name, { all: true });
    await aWhile(1500);
    await user.rollback();
    expect(await retried).toBe(1);
    expect(await engine.state(queue, keyed!)).toBe('failed');
    expect(await engine.state(queue, other!)).toBe('waiting');
    expect(await jobs().retryDead(queue.name, { all: true })).toBe(1);
    expect(await engine.state(queue, keyed!)).toBe('waiting');
  });

  it('the dead are kept 14 days, or as long and as many as their queue says', async () => {
    await engine.main.add(queue, ...many(6));
    await worker.endAll(queue, (await worker.claim(queue)).runs, { state: 'f', reason: 'exhausted' });
    await engine.rows(
      `update ${engine.s}.dead set died_at = now() - job_id * interval '1 minute' where queue_id = $1`,
      [queue.id],
    );
    const [{ oldest }] = await engine.rows(`select min(job_id) as oldest from ${engine.s}.dead where queue_id = $1`, [
      queue.id,
    ]);
    await engine.rows(`update ${engine.s}.dead set died_at = now() - interval '15 days' where job_id = $1`, [oldest]);
    expect(await engine.main.upkeep.purgeDead(queue.id)).toBe(1);
    await jobs().setRetention(queue.name, { failed: { count: 2 } });
    expect(await engine.main.upkeep.purgeDead(queue.id)).toBe(3);
    await jobs().setRetention(queue.name, { failed: { age: 0 } });
    expect(await engine.main.upkeep.purgeDead(queue.id)).toBe(2);
  });
});
