import { describe, expect, it } from 'vitest';
import { failure, testEngine } from '../support/engine.js';

const engine = testEngine();
const add = async (...args: unknown[]): Promise<string> => {
  const [row] = await engine.rows(`select ${engine.s}.add(${args.map((_, i) => `$${i + 1}`).join(', ')}) as id`, args);
  return row.id as string;
};
const job = async (queue: { name: string }, id: string) => engine.main.jobs.getJob(queue.name, id);
const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);

describe('add() in SQL', () => {
  it('adds a job as TypeScript would, with its defaults', async () => {
    const [queue, worker] = [await engine.queue(), await engine.worker()];
    const id = await add(queue.name, 'welcome', '{"to": "a@example.com"}');
    const [run] = (await worker.claim(queue)).runs;
    expect(run).toMatchObject({ key: id, name: 'welcome', attempt: 1, maxAttempts: 4, options: null });
    expect(JSON.parse(run!.data)).toEqual({ to: 'a@example.com' });
    expect((await job(queue, await add(queue.name, 'empty')))!.data).toBe('null');
  });

  it('takes every option', async () => {
    const queue = await engine.queue();
    const options = { attempts: 2, priority: 9, timeout: '1.5s', uniqueKey: 'k', jobId: 'mine', delay: '2h' };
    const backoff = { type: 'exponential', delay: '10ms', maxDelay: '1m', jitter: 0.5 };
    const before = Date.now();
    expect(await add(queue.name, 'n', '1', { ...options, backoff })).toBe('mine');
    expect(await job(queue, 'mine')).toMatchObject({
      state: 'delayed',
      options: {
        attempts: 2,
        priority: 9,
        timeout: 1500,
        uniqueKey: 'k',
        jobId: 'mine',
        delay: 7_200_000,
        backoff: { type: 'exponential', delay: 10, maxDelay: 60_000, jitter: 0.5 },
      },
    });
    const [{ run_at }] = (await engine.rows(`select run_at from ${engine.s}.delayed where queue_id = $1`, [
      queue.id,
    ])) as [{ run_at: Date }];
    expect(run_at.getTime()).toBeGreaterThanOrEqual(before + 7_200_000 - 5000);
    const at = await add(queue.name, 'n', '1', { runAt: '2099-01-01T00:00:00+02:00', backoff: 250 });
    expect(await job(queue, at)).toMatchObject({
      state: 'delayed',
      options: { backoff: { type: 'fixed', delay: 250 } },
    });
  });

  it('returns the earlier job of a unique key or an id that is taken', async () => {
    const queue = await engine.queue();
    const first = await add(queue.name, 'n', '1', { uniqueKey: 'k' });
    expect(await add(queue.name, 'n', '2', { uniqueKey: 'k' })).toBe(first);
    expect(await add(queue.name, 'n', '2', { uniqueKey: 'k', jobId: 'b' })).toBe(first);
    expect(await add(queue.name, 'n', '1', { jobId: 'a', uniqueKey: 'l' })).toBe('a');
    expect(await add(queue.name, 'n', '2', { uniqueKey: 'l' })).toBe('a');
    expect(await add(queue.name, 'n', '2', { jobId: 'a' })).toBe('a');
  });

  it('makes the queue it names, whatever characters are in the name', async () => {
    const name = `new "queue"; drop table x; -- 'é`;
    const id = await add(name, `it's`, '1');
    expect((await engine.main.jobs.getJob(name, id))!.name).toBe(`it's`);
    expect(await engine.main.jobs.getQueues()).toContain(name);
  });

  it('tells listeners when it commits, and not before', async () => {
    const [queue, listener, caller] = [await engine.queue(), await engine.session(), await engine.session()];
    const heard: string[] = [];
    listener.client.on('notification', ({ payload }) => heard.push(payload ?? ''));
    await listener.client.query(`listen "${engine.database.schema}_wake"`);
    await caller.client.query('begin');
    await caller.client.query(`select ${engine.s}.add($1, 'n'), ${engine.s}.add($1, 'n', 'null', '{"priority": 3}')`, [
      queue.name,
    ]);
    await listener.client.query('select 1');
    expect(heard).toEqual([]);
    await caller.commit();
    await listener.client.query('select 1');
    expect(heard.toSorted()).toEqual([`${queue.id}:0`, `${queue.id}:3`]);
  });

  it('adds from a trigger, in the transaction of the insert', async () => {
    const [queue, worker, caller] = [await engine.queue(), await engine.worker(), await engine.session()];
    const { s } = engine;
    await engine.rows(`create table ${s}.users (email text)`);
    await engine.rows(`create function ${s}.greet() returns trigger language plpgsql as $$ begin
      perform ${s}.add('${queue.name}', 'welcome', jsonb_build_object('to', new.email)); return new; end $$`);
    await engine.rows(`create trigger greet after insert on ${s}.users for each row execute function ${s}.greet()`);
    await caller.client.query('begin');
    await caller.client.query(`insert into ${s}.users values ('gone@x')`);
    await caller.rollback();
    await caller.client.query('begin');
    await caller.client.query(`insert into ${s}.users values ('a@x'), ('b@x')`);
    expect(await worker.claimKeys(queue)).toEqual([]);
    await caller.commit();
    expect((await worker.claim(queue)).runs.map(({ data }) => JSON.parse(data))).toEqual([
      { to: 'a@x' },
      { to: 'b@x' },
    ]);
  });
});

describe('add() in SQL refuses, with PQ005 and nothing written,', () => {
  const name = 'n'.repeat(200);
  it.each<[string, unknown[]]>([
    ['no queue', [null, 'n']],
    ['an empty queue', ['', 'n']],
    ['a queue of 201 characters', [`${name}n`, 'n']],
    ['no name', ['q', null]],
    ['an empty name', ['q', '']],
    ['a name of 201 characters', ['q', `${name}n`]],
    ['an unknown option', ['q', 'n', '1', { prioritty: 1 }]],
    ['options that are no object', ['q', 'n', '1', '[]']],
    ['both delay and runAt', ['q', 'n', '1', { delay: 1, runAt: '2099-01-01' }]],
    ['a delay in words', ['q', 'n', '1', { delay: 'soon' }]],
    ['a negative delay', ['q', 'n', '1', { delay: -1 }]],
    ['a delay that is no duration', ['q', 'n', '1', { delay: [1] }]],
    ['a runAt that is no time', ['q', 'n', '1', { runAt: 'tomorrowish' }]],
    ['an infinite runAt', ['q', 'n', '1', { runAt: 'infinity' }]],
    ['a timeout of 0', ['q', 'n', '1', { timeout: 0 }]],
    ['a priority of 256', ['q', 'n', '1', { priority: 256 }]],
    ['a priority of -1', ['q', 'n', '1', { priority: -1 }]],
    ['a priority as text', ['q', 'n', '1', { priority: '1' }]],
    ['half an attempt', ['q', 'n', '1', { attempts: 1.5 }]],
    ['no attempts', ['q', 'n', '1', { attempts: 0 }]],
    ['40,000 attempts', ['q', 'n', '1', { attempts: 40_000 }]],
    ['an empty unique key', ['q', 'n', '1', { uniqueKey: '' }]],
    ['a unique key that is a number', ['q', 'n', '1', { uniqueKey: 1 }]],
    ['an id of digits', ['q', 'n', '1', { jobId: '17' }]],
    ['a backoff of another type', ['q', 'n', '1', { backoff: { type: 'linear' } }]],
    ['a backoff with an unknown member', ['q', 'n', '1', { backoff: { type: 'fixed', dealy: 1 } }]],
    ['a backoff in words', ['q', 'n', '1', { backoff: 'later' }]],
    ['a jitter above 1', ['q', 'n', '1', { backoff: { type: 'fixed', jitter: 2 } }]],
    ['data over 1 MiB', ['q', 'n', JSON.stringify('x'.repeat(1_048_575))]],
    ['data nested 101 deep', ['q', 'n', nested(102)]],
  ])('%s', async (_, args) => {
    expect(await failure(add(...args))).toBe('PQ005');
    expect(await engine.rows(`select from ${engine.s}.queue where name = 'q'`)).toEqual([]);
  });

  it('what is at the limit it takes', async () => {
    const queue = await engine.queue();
    await add(queue.name, name, JSON.stringify('x'.repeat(1_048_574)), { priority: 255, attempts: 32_767, delay: 0 });
    await add(queue.name, 'n', nested(100));
    await add(name, 'é'.repeat(200));
    expect(await failure(add(queue.name, 'n', '"\\u0000"'))).toBe('22P05');
    const smaller = `update ${engine.s}.queue set settings = '{"maxDataBytes": 10, "maxDataDepth": 2}' where queue_id = $1`;
    await engine.rows(smaller, [queue.id]);
    await add(queue.name, 'n', '[[1]]');
    expect(await failure(add(queue.name, 'n', '"123456789"'))).toBe('PQ005');
    expect(await failure(add(queue.name, 'n', '[[[1]]]'))).toBe('PQ005');
  });
});
