import { beforeAll, afterAll, describe, expect, it } from 'vitest';
import type { INestApplicationContext } from '@nestjs/common';
import { InvalidJobError, type Queue, QueueService } from '../../lib/index.js';
import { startApplication } from '../support/application.js';
import { testDatabase } from '../support/database.js';

const database = testDatabase();
let app: INestApplicationContext;
let queue: Queue;

beforeAll(async () => {
  app = await startApplication(database, { options: { maxDataBytes: 10_000, maxDataDepth: 10 } });
  queue = app.get(QueueService).queue('input');
});
afterAll(() => app.close());

/** The error an add() was refused with, and how many jobs there are. */
async function refusalOf(adding: Promise<unknown>): Promise<unknown> {
  const error = await adding.then(
    () => expect.fail('it was added'),
    (refusal: unknown) => refusal as InvalidJobError,
  );
  return [error.constructor, error.code, error.path, error.message, (await queue.getJobs()).length];
}

function refused(path: string, says: RegExp): unknown[] {
  return [InvalidJobError, 'PGQUEUE_INVALID_JOB', path, expect.stringMatching(says), 0];
}

const circular = { list: [{}] as unknown[] };
circular.list.push(circular);
let deep: unknown = 'bottom';
for (let i = 0; i < 11; i++) deep = { in: deep };

describe('refused, and nothing is written: data', () => {
  it.each<[string, unknown, string, RegExp]>([
    ['that is circular', circular, 'data.list[1]', /circular/],
    ['with a BigInt', { a: { b: 10n } }, 'data.a.b', /bigint/],
    ['that is a function', () => 1, 'data', /function/],
    ['with a symbol', { s: Symbol('x') }, 'data.s', /symbol/],
    ['with a Map', { m: new Map() }, 'data.m', /Map.*Object\.fromEntries/],
    ['with a Set', [new Set()], 'data[0]', /Set/],
    ['with NaN', { n: Number.NaN }, 'data.n', /NaN/],
    ['with an infinity', { n: -Infinity }, 'data.n', /Infinity/],
    ['with a NUL', { 'first name': 'a\0' }, 'data["first name"]', /NUL/],
    ['with a NUL in a key', { 'a\0': 1 }, 'data["a\\u0000"]', /NUL/],
    ['with a lone surrogate', ['\uDC00'], 'data[0]', /surrogate/],
    ['that is too large', ['x'.repeat(9_000), 'é'.repeat(600)], 'data', /10000 bytes/],
    ['that is nested too deep', deep, 'data.in.in.in.in.in.in.in.in.in.in', /10 levels/],
    ['with an Error', { e: new Error('x') }, 'data.e', /Error/],
    ['with binary data', { b: new Uint8Array(2) }, 'data.b', /./],
  ])('%s', async (_, data, path, says) => {
    expect(await refusalOf(queue.add('job', data))).toEqual(refused(path, says));
    const bulk = queue.addBulk([
      { name: 'a', data: 1 },
      { name: 'b', data },
    ]);
    expect(await refusalOf(bulk)).toEqual(refused(`jobs[1].${path}`, says));
  });
});

describe('refused, and nothing is written: options', () => {
  it.each<[Record<string, unknown>, string, RegExp]>([
    [{ delay: -1 }, 'delay', /-1/],
    [{ delay: Number.NaN }, 'delay', /NaN/],
    [{ delay: Infinity }, 'delay', /Infinity/],
    [{ delay: '5 minutes' }, 'delay', /'5 minutes'.*|'250ms'/],
    [{ runAt: new Date(Number.NaN) }, 'runAt', /invalid Date/],
    [{ runAt: '2030-01-01' }, 'runAt', /Date/],
    [{ delay: 1, runAt: new Date() }, 'runAt', /delay/],
    [{ attempts: 0 }, 'attempts', /1 to/],
    [{ attempts: 1.5 }, 'attempts', /1\.5/],
    [{ attempts: '3' }, 'attempts', /'3' \(string\)/],
    [{ priority: -1 }, 'priority', /-1/],
    [{ priority: 256 }, 'priority', /255/],
    [{ timeout: 0 }, 'timeout', /0/],
    [{ backoff: -5 }, 'backoff', /-5/],
    [{ backoff: { type: 'linear' } }, 'backoff.type', /'linear'/],
    [{ backoff: { type: 'fixed', jitter: 2 } }, 'backoff.jitter', /2/],
    [{ backoff: () => 5 }, 'backoff', /./],
    [{ uniqueKey: '' }, 'uniqueKey', /empty/],
    [{ uniqueKey: 'k'.repeat(201) }, 'uniqueKey', /200/],
    [{ jobId: '123' }, 'jobId', /digits/],
    [{ unqueKey: 'k' }, 'unqueKey', /'uniqueKey'/],
  ])('%j', async (options, path, says) => {
    expect(await refusalOf(queue.add('job', null, options))).toEqual(refused(`options.${path}`, says));
    const bulk = queue.addBulk([{ name: 'job', data: null, opts: options }]);
    expect(await refusalOf(bulk)).toEqual(refused(`jobs[0].opts.${path}`, says));
  });
});

describe('refused, and nothing is written: a name', () => {
  it.each<[unknown, RegExp]>([
    ['', /empty/],
    [undefined, /string/],
    [42, /42/],
    ['n'.repeat(201), /200/],
    ['a\0b', /NUL/],
  ])('%j', async (name, says) => {
    expect(await refusalOf(queue.add(name as string, null))).toEqual(refused('name', says));
    expect(() => app.get(QueueService).queue(name as string)).toThrow(says);
  });

  it('but 200 characters of any kind will do', async () => {
    const name = '😀'.repeat(200);
    const job = await app.get(QueueService).add(name, name, null);
    expect(await app.get(QueueService).queue(name).getJob(job.id)).toMatchObject({ name, queueName: name });
  });
});
