import { describe, expect, it } from 'vitest';
import { InvalidJobError, type JobOptions } from '../../lib/index.js';
import { refuseJob } from '../../lib/errors/invalid-job.error.js';
import { resolveBulkJobOptions, resolveDefaultJobOptions, resolveJobOptions } from '../../lib/queue/job-options.js';
import { QueueRegistry } from '../../lib/queue/queue.registry.js';

const MODULE = resolveDefaultJobOptions(undefined, 'defaultJobOptions', refuseJob);
const resolve = (options: unknown, defaults = MODULE) => resolveJobOptions(options as JobOptions, defaults);

describe('job options', () => {
  it('by default make four attempts, at the first priority, with the backoff of the worker', () => {
    expect(MODULE).toStrictEqual({ attempts: 4, priority: 0 });
  });

  it('that say nothing are the defaults themselves', () => {
    for (const nothing of [undefined, {}, { tx: {} }, { delay: undefined }]) expect(resolve(nothing)).toBe(MODULE);
    expect(resolveBulkJobOptions({}, MODULE, 'jobs[0].opts')).toBe(MODULE);
    expect(Object.isFrozen(MODULE)).toBe(true);
  });

  it('of add() win over the queue, which wins over the module', () => {
    const module = resolveDefaultJobOptions({ attempts: 2, priority: 7, timeout: '1s' }, 'd', refuseJob);
    const registry = new QueueRegistry(module);
    registry.register('email', { defaultJobOptions: { attempts: 3, backoff: 50 } });
    expect(resolve({ priority: 1 }, registry.defaultsFor('email'))).toStrictEqual({
      attempts: 3,
      backoff: { type: 'fixed', delay: 50 },
      priority: 1,
      timeout: 1000,
    });
    expect(registry.defaultsFor('other')).toBe(module);
    expect(registry.defaultsFor('email')).toBe(registry.defaultsFor('email'));
  });

  it('are stored in milliseconds and ISO 8601', () => {
    expect(resolve({ delay: '1.5s', uniqueKey: 'u', jobId: 'j-1' })).toMatchObject({
      delay: 1500,
      uniqueKey: 'u',
      jobId: 'j-1',
    });
    expect(resolve({ runAt: new Date(0) }).runAt).toBe('1970-01-01T00:00:00.000Z');
    const backoff = { type: 'exponential', maxDelay: '1m', jitter: 0.5 };
    expect(resolve({ backoff }).backoff).toStrictEqual({
      type: 'exponential',
      delay: 1000,
      maxDelay: 60_000,
      jitter: 0.5,
    });
  });

  it.each<[string, unknown, RegExp]>([
    ['options', null, /object, not null/],
    ['options', 'x', /object/],
    ['options.dealy', { dealy: 1 }, /= 1 \(number\) is no option; did you mean 'delay'\?/],
    ['options.constructor', { constructor: 1 }, /no option/],
    ['options.attempts', { attempts: 0 }, /integer from 1 to 32767, not 0/],
    ['options.attempts', { attempts: 32_768 }, /32767/],
    ['options.attempts', { attempts: '3' }, /not '3' \(string\)/],
    ['options.attempts', { attempts: 1.5 }, /integer/],
    ['options.priority', { priority: -1 }, /0 to 255/],
    ['options.priority', { priority: 256 }, /0 to 255/],
    ['options.priority', { priority: Number.NaN }, /integer/],
    ['options.timeout', { timeout: 0 }, /more than 0/],
    ['options.timeout', { timeout: '25d' }, /at most 24 days/],
    ['options.delay', { delay: -1 }, /not -1/],
    ['options.delay', { delay: Infinity }, /not Infinity/],
    ['options.delay', { delay: '5 minutes' }, /not '5 minutes' \(string\)/],
    ['options.delay', { delay: null }, /not null/],
    ['options.runAt', { runAt: new Date('x') }, /an invalid Date/],
    ['options.runAt', { runAt: new Date(8.64e15) }, /valid Date/],
    ['options.runAt', { runAt: '2030-01-01' }, /valid Date/],
    ['options.runAt', { delay: 0, runAt: new Date() }, /delay are both given/],
    ['options.uniqueKey', { uniqueKey: '' }, /empty/],
    ['options.uniqueKey', { uniqueKey: 5 }, /string/],
    ['options.uniqueKey', { uniqueKey: 'x\0' }, /NUL/],
    ['options.uniqueKey', { uniqueKey: '\ud83d' }, /surrogate/],
    ['options.jobId', { jobId: 'x'.repeat(201) }, /200/],
    ['options.jobId', { jobId: '123' }, /all digits/],
    ['options.backoff', { backoff: {} }, /type/],
    ['options.backoff', { backoff: () => 1 }, /object/],
    ['options.backoff', { backoff: -1 }, /-1/],
    ['options.backoff.type', { backoff: { type: 'linear' } }, /'fixed' or 'exponential'/],
    ['options.backoff.jitter', { backoff: { type: 'fixed', jitter: 2 } }, /0 to 1/],
    ['options.backoff.delay', { backoff: { type: 'fixed', delay: 'x' } }, /'x'/],
    ['options.backoff.max', { backoff: { type: 'fixed', max: 1 } }, /no option/],
  ])('%s of %j is refused', (path, options, message) => {
    const attempt = (): unknown => resolve(options);
    expect(attempt).toThrow(InvalidJobError);
    expect(attempt).toThrow(message);
    expect(attempt).toThrow(expect.objectContaining({ path, code: 'PGQUEUE_INVALID_JOB' }));
  });

  it('count characters as PostgreSQL does', () => {
    expect(resolve({ uniqueKey: '😀'.repeat(200) }).uniqueKey).toHaveLength(400);
    expect(() => resolve({ uniqueKey: '😀'.repeat(201) })).toThrow(/200/);
  });

  it('of one job of addBulk() have no transaction of their own', () => {
    expect(() => resolveBulkJobOptions({ tx: {} } as JobOptions, MODULE, 'jobs[1].opts')).toThrow(
      /jobs\[1\]\.opts\.tx/,
    );
  });
});

describe('a queue that is registered twice', () => {
  it('is refused only when the second registration brings other defaults', () => {
    const registry = new QueueRegistry(MODULE);
    registry.register('email', { defaultJobOptions: { attempts: 2 } });
    registry.register('email', { defaultJobOptions: { attempts: 2 } });
    registry.register('email', {});
    expect(registry.defaultsFor('email').attempts).toBe(2);
    expect(() => registry.register('email', { defaultJobOptions: { attempts: 3 } })).toThrow(
      /'email'.*registered twice/,
    );
  });

  it('has a name that can be stored', () => {
    expect(() => new QueueRegistry(MODULE).register('', {})).toThrow(/empty/);
  });
});
