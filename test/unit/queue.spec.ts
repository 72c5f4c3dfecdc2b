import pg from 'pg';
import { inspect } from 'node:util';
import { describe, expect, it, vi } from 'vitest';
import {
  DuplicateKeyError,
  InvalidJobError,
  InvalidTransactionError,
  JobStateError,
  QueueService,
  type JobOptions,
  type JobState,
  type RetryFilter,
} from '../../lib/index.js';
import type { AddedJob, JobDraft, JobEngine, JobRecord } from '../../lib/engine/job-engine.interface.js';
import { AmbientTransaction } from '../../lib/transactions/ambient-transaction.js';
import { refuseJob } from '../../lib/errors/invalid-job.error.js';
import type { JobAppender } from '../../lib/queue/job-appender.js';
import { resolveDefaultJobOptions } from '../../lib/queue/job-options.js';
import { QueueRegistry } from '../../lib/queue/queue.registry.js';
import type { SqlExecutor } from '../../lib/index.js';

const RECORD: JobRecord = {
  id: '7',
  key: '7',
  name: 'welcome',
  data: '{"to":"b"}',
  options: { attempts: 4, priority: 3, delay: 5, runAt: '1970-01-01T00:00:00.000Z', uniqueKey: 'k' },
  state: 'failed',
  attemptsStarted: 2,
  attemptsMade: 2,
  result: '{"sent":true}',
  errors: [{ message: 'first', stack: 'Error: first\n at x' }, { message: 'second' }],
  createdAt: 1000,
  processedOn: 2000,
};

function setUp(added: Partial<AddedJob> = {}) {
  const answer = (count: number): AddedJob[] =>
    Array.from({ length: count }, (_, i) => ({ id: `${i + 1}`, key: `${i + 1}`, createdAt: 1000, ...added }));
  const appender = {
    isRefusal: () => false,
    add: vi.fn<JobAppender['add']>(async () => answer(1)[0]!),
    addBulk: vi.fn<(queue: string, drafts: readonly JobDraft[], executor?: SqlExecutor) => Promise<AddedJob[]>>(
      async (_queue, drafts) => answer(drafts.length),
    ),
  };
  const engine = {
    add: vi.fn<JobEngine['add']>(),
    getQueues: vi.fn<JobEngine['getQueues']>(async () => ['email']),
    getJob: vi.fn<JobEngine['getJob']>(async () => RECORD),
    getJobs: vi.fn<JobEngine['getJobs']>(async () => [RECORD]),
    getJobCounts: vi.fn<JobEngine['getJobCounts']>(async () => ({
      counts: { waiting: 1, delayed: 2, active: 3, completed: 4, failed: 5 },
      estimated: ['completed' as const],
    })),
    isRefusal: vi.fn<JobEngine['isRefusal']>(() => false),
    retryDead: vi.fn<JobEngine['retryDead']>(async () => 1),
    remove: vi.fn<JobEngine['remove']>(async () => true),
    cancel: vi.fn<JobEngine['cancel']>(async () => 'waiting'),
    promote: vi.fn<JobEngine['promote']>(async () => true),
    updateData: vi.fn<JobEngine['updateData']>(async () => true),
    changePriority: vi.fn<JobEngine['changePriority']>(async () => true),
    drain: vi.fn<JobEngine['drain']>(async () => 3),
    setPaused: vi.fn<JobEngine['setPaused']>(async () => undefined),
    isPaused: vi.fn<JobEngine['isPaused']>(async () => false),
    setConcurrency: vi.fn<JobEngine['setConcurrency']>(async () => undefined),
    getConcurrency: vi.fn<JobEngine['getConcurrency']>(async () => null),
    clean: vi.fn<JobEngine['clean']>(async () => ['1']),
    setRetention: vi.fn<JobEngine['setRetention']>(async () => undefined),
  };
  const defaults = resolveDefaultJobOptions(undefined, 'd', refuseJob);
  const registry = new QueueRegistry(defaults);
  const limits = { maxDataBytes: 1000, maxDataDepth: 10 };
  const service = new QueueService({
    engine,
    appender: appender as unknown as JobAppender,
    registry,
    limits,
    ambient: new AmbientTransaction(),
  });
  return { service, queue: service.queue('email'), appender, engine, registry, defaults };
}

describe('add()', () => {
  it('without a transaction shares the appender, and asks for nothing to make the job', async () => {
    const { queue, appender, engine, defaults } = setUp();
    const job = await queue.add('welcome', { to: 'a' });
    expect(appender.add).toHaveBeenCalledExactlyOnceWith('email', {
      name: 'welcome',
      data: '{"to":"a"}',
      options: defaults,
    });
    expect(appender.add.mock.calls[0]![1].options).toBe(defaults);
    expect(engine.getJob).not.toHaveBeenCalled();
    expect(job.toJSON()).toMatchObject({
      id: '1',
      queueName: 'email',
      name: 'welcome',
      data: { to: 'a' },
      opts: { attempts: 4, priority: 0 },
      deduplicated: false,
      attemptsMade: 0,
      returnvalue: null,
      failedReason: null,
      timestamp: 1000,
    });
  });

  it('with a transaction writes on it', async () => {
    const { queue, appender } = setUp();
    const tx = new pg.Client();
    await queue.add('welcome', 1, { tx });
    expect(appender.addBulk.mock.calls[0]![2]).toBe(tx);
    expect(appender.add).not.toHaveBeenCalled();
  });

  it('with something that is no transaction writes nothing', async () => {
    const { queue, appender } = setUp();
    for (const tx of [null, new pg.Pool(), {}]) {
      await expect(queue.add('welcome', 1, { tx } as JobOptions)).rejects.toThrow(InvalidTransactionError);
      await expect(queue.addBulk([], { tx } as JobOptions)).rejects.toThrow(InvalidTransactionError);
    }
    expect(appender.add).not.toHaveBeenCalled();
    expect(appender.addBulk).not.toHaveBeenCalled();
  });

  it('that meets an earlier job returns that one', async () => {
    const { queue } = setUp({ existing: RECORD });
    const job = await queue.add('other', { to: 'a' });
    expect(job).toMatchObject({ id: '7', deduplicated: true, name: 'welcome', data: { to: 'b' } });
  });

  it('uses the defaults of its queue, also those registered after the queue was made', async () => {
    const { queue, appender, registry } = setUp();
    registry.register('email', { defaultJobOptions: { attempts: 9 } });
    await queue.add('welcome', null);
    expect(appender.add.mock.calls[0]![1].options.attempts).toBe(9);
  });

  it.each([
    ['name', '', null, {}],
    ['name', 5, null, {}],
    ['name', 'x'.repeat(201), null, {}],
    ['name', 'a\0', null, {}],
    ['data.n', 'x', { n: 1n }, {}],
    ['data', 'x', 'x'.repeat(1000), {}],
    ['options.delay', 'x', null, { delay: -1 }],
  ])('refuses a wrong %s before any SQL', async (path, name, data, options) => {
    const { queue, appender } = setUp();
    const attempt = queue.add(name as string, data, options);
    await expect(attempt).rejects.toBeInstanceOf(InvalidJobError);
    await expect(attempt).rejects.toMatchObject({ path });
    expect(appender.add).not.toHaveBeenCalled();
  });

  it('takes any other name', async () => {
    const { service, appender } = setUp();
    const queue = `'; drop table "x"; -- 😀\u007f`;
    await service.add(queue, `${queue}\n`, 1);
    expect(appender.add.mock.calls[0]).toMatchObject([queue, { name: `${queue}\n` }]);
  });

  it.each(['\u0001', 'a\tb', 'a\n', '\u001e', '\u001fb'])(
    'refuses control characters in a queue’s name: %j',
    (name) => {
      const { service } = setUp();
      const attempt = (): unknown => service.queue(name);
      expect(attempt).toThrow(InvalidJobError);
      expect(attempt).toThrow(/^queue must not contain control characters \(U\+0000 to U\+001F\): '/);
      expect(attempt).toThrow(expect.objectContaining({ path: 'queue' }));
    },
  );
});

describe('addBulk()', () => {
  it('adds all of its jobs at once, in order', async () => {
    const { queue, appender } = setUp();
    const jobs = await queue.addBulk([
      { name: 'a', data: 1 },
      { name: 'b', data: 2, opts: { priority: 1 } },
    ]);
    expect(appender.addBulk).toHaveBeenCalledOnce();
    expect(jobs.map(({ id, name, data, priority }) => [id, name, data, priority])).toStrictEqual([
      ['1', 'a', 1, 0],
      ['2', 'b', 2, 1],
    ]);
  });

  it('of nothing is nothing', async () => {
    const { queue, appender } = setUp();
    expect(await queue.addBulk([])).toStrictEqual([]);
    expect(appender.addBulk).not.toHaveBeenCalled();
  });

  it.each<[string, unknown]>([
    ['jobs', {}],
    ['jobs[0]', [null]],
    ['jobs[1].name', [{ name: 'a' }, { data: 1 }]],
    ['jobs[1].data.x', [{ name: 'a' }, { name: 'b', data: { x: 1n } }]],
    ['jobs[0].opts.attempts', [{ name: 'a', opts: { attempts: 0 } }]],
    ['jobs[0].opts.tx', [{ name: 'a', opts: { tx: new pg.Client() } }]],
    ['jobs[1].options', [{ name: 'a' }, { name: 'b', options: { attempts: 1 } }]],
  ])('refuses %s, and with it the whole', async (path, jobs) => {
    const { queue, appender } = setUp();
    await expect(queue.addBulk(jobs as [])).rejects.toMatchObject({ path, code: 'PGQUEUE_INVALID_JOB' });
    expect(appender.addBulk).not.toHaveBeenCalled();
  });
});

describe('looking up', () => {
  it('shows a job as BullMQ does', async () => {
    const { queue } = setUp();
    const job = await queue.getJob('7');
    expect(job).toMatchObject({ returnvalue: { sent: true }, failedReason: 'second', processedOn: 2000, priority: 3 });
    expect(job!.finishedOn).toBeUndefined();
    expect(job!.stacktrace).toStrictEqual(['Error: first\n at x', 'second']);
    expect(job!.opts).toStrictEqual({ attempts: 4, priority: 3, delay: 5, runAt: new Date(0), uniqueKey: 'k' });
    expect(job!.data).toBe(job!.data);
    expect(JSON.parse(JSON.stringify(job))).toMatchObject({ id: '7', data: { to: 'b' } });
    expect(inspect(job)).toMatch(/^Job \{\s+id: '7'/);
  });

  it('asks for every state unless it is told which', async () => {
    const { queue, engine } = setUp();
    const all = ['waiting', 'delayed', 'active', 'completed', 'failed'];
    await queue.getJobs();
    expect(engine.getJobs).toHaveBeenLastCalledWith('email', all, 0, -1, false);
    await queue.getJobs(['failed', 'failed'], 2, 5, true);
    expect(engine.getJobs).toHaveBeenLastCalledWith('email', ['failed'], 2, 5, true);
    expect(await queue.getJobCounts()).toStrictEqual({
      waiting: 1,
      delayed: 2,
      active: 3,
      completed: 4,
      failed: 5,
      estimated: ['completed'],
    });
    await queue.getJobCounts('waiting');
    expect(engine.getJobCounts).toHaveBeenLastCalledWith('email', ['waiting']);
    await expect(queue.getJobs('wating' as JobState)).rejects.toMatchObject({ path: 'states[0]' });
    await expect(queue.getJobs('failed', -1)).rejects.toMatchObject({ path: 'start' });
  });
});

describe('retrying', () => {
  it('wants to be told exactly which jobs', async () => {
    const { queue, engine } = setUp();
    for (const filter of [{ ids: ['1'] }, { failedBefore: new Date(0) }, { all: true }] as RetryFilter[]) {
      expect(await queue.retryJobs(filter)).toBe(1);
      expect(engine.retryDead).toHaveBeenLastCalledWith('email', filter);
    }
    const wrong = [
      {},
      { ids: undefined },
      { ids: ['1'], all: true },
      { all: false },
      { id: '1' },
      { failedBefore: 'x' },
      null,
    ];
    for (const filter of wrong) {
      await expect(queue.retryJobs(filter as RetryFilter)).rejects.toThrow(InvalidJobError);
    }
    expect(engine.retryDead).toHaveBeenCalledTimes(3);
  });

  it('a job says why it cannot be', async () => {
    const { queue, engine } = setUp();
    const job = (await queue.getJob('7'))!;
    await job.retry();
    engine.retryDead.mockResolvedValue(0);
    await expect(job.retry()).rejects.toThrow(DuplicateKeyError);
    engine.getJob.mockResolvedValue({ ...RECORD, state: 'waiting' });
    await expect(job.retry()).rejects.toThrow(JobStateError);
    engine.getJob.mockResolvedValue(undefined);
    await expect(job.retry()).rejects.toMatchObject({ state: 'unknown' });
  });
});
