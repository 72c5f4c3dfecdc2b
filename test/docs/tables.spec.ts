import { readFileSync } from 'node:fs';
import path from 'node:path';
import { runInNewContext } from 'node:vm';
import { Logger, type Type } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { readStreamConsumer } from '../../lib/discovery/stream-consumer-metadata.js';
import { resolveStreamConsumerOptions } from '../../lib/discovery/stream-consumer-options.js';
import { readWorkerOptions, resolveWorkerOptions } from '../../lib/discovery/worker-options.js';
import { refuseOptions } from '../../lib/errors/invalid-options.error.js';
import { StreamConsumer } from '../../lib/index.js';
import * as library from '../../lib/index.js';
import type { ResolvedModuleOptions } from '../../lib/interfaces/resolved-module-options.interface.js';
import { resolveModuleOptions } from '../../lib/pg-queue.options.js';
import { resolveDefaultJobOptions, resolveJobOptions } from '../../lib/queue/job-options.js';
import { DEFAULT_RETENTION } from '../../lib/engine/postgres/functions/streams/stream-retention.function.js';
import { resolveStreamSettings } from '../../lib/streams/stream-settings.js';
import { QueueRegistry } from '../../lib/queue/queue.registry.js';
import { parseDuration } from '../../lib/utils/duration.js';
import { quoted, ROOT, table } from './support/markdown.js';

const refuse = refuseOptions('test');
const DATABASE = { DATABASE_URL: 'postgres://db.example.com/app' };
const MODULE = 'Of the module: `PgQueueModule.forRoot()`';
const WORKER = "Of a worker: `@Processor('email', { … })`";
const QUEUE = 'Of a queue: `PgQueueModule.registerQueue({ name, … })`';
const STREAM = 'Of a stream: `streams: { orders: { … } }` of the module';
const JOB = 'Of a job: `add(name, data, { … })`';
const CONSUMER = 'Of a stream consumer';

/** Option → what the document gives as its default: JavaScript, or words. */
function documented(heading: string): Map<string, string> {
  const rows = heading === CONSUMER ? table('docs/options.md', `## ${heading}`) : table('README.md', `### ${heading}`);
  return new Map(rows.map(([option, value]) => [quoted(option!)!, value!]));
}

/** The defaults that are written as JavaScript. */
function literals(heading: string): Record<string, unknown> {
  const written = [...documented(heading)].filter(([, value]) => value.startsWith('`'));
  return Object.fromEntries(written.map(([option, value]) => [option, runInNewContext(`(${quoted(value)})`)]));
}

function registry(): QueueRegistry {
  return new QueueRegistry(resolveDefaultJobOptions(undefined, '', refuse));
}

/** Every option there is, from the message that refuses one there is not. */
function known(refused: () => unknown): string[] {
  try {
    refused();
  } catch (error) {
    const [, names] = /known: (.*)$/.exec((error as Error).message) ?? [];
    if (names !== undefined) return names.split(', ');
  }
  throw new Error('not refused');
}

/** A consumer whose options are these, and a group. */
function consumer(options: object): Type {
  @StreamConsumer('orders', { group: 'billing', ...options })
  class Consumer {}
  return Consumer;
}

describe('the documented options', () => {
  const unknown = { 'no such option at all': 1 };
  it.each([
    [MODULE, () => resolveModuleOptions(unknown)],
    [WORKER, () => readWorkerOptions(unknown, '', refuse)],
    [QUEUE, () => registry().register('email', unknown as never)],
    [STREAM, () => resolveStreamSettings(unknown, '', refuse)],
    [JOB, () => resolveJobOptions(unknown as never, resolveDefaultJobOptions(undefined, '', refuse))],
    [CONSUMER, () => readStreamConsumer(consumer(unknown))],
  ])('are all that there are: %s', (heading, refused) => {
    expect([...documented(heading).keys()].toSorted()).toEqual(known(refused).toSorted());
  });
});

function resolved(env = {}): ResolvedModuleOptions {
  return resolveModuleOptions({}, { ...DATABASE, ...env });
}

describe('the documented defaults are those of the code:', () => {
  it('of the module', () => {
    const { connectTimeout, ...rest } = literals(MODULE);
    expect(Object.keys(rest).length).toBeGreaterThan(5);
    expect(resolved()).toMatchObject({ ...rest, connectTimeout: parseDuration(connectTimeout) });
  });

  it('of the module, where they are words', () => {
    const { connection, pool, listen, defaultJobOptions, worker, processors, streams, logger } = resolved();
    expect({ connection, pool, listen, worker, processors, streams }).toEqual({
      connection: DATABASE.DATABASE_URL,
      pool: undefined,
      listen: undefined,
      worker: {},
      processors: {},
      streams: {},
    });
    expect(defaultJobOptions).toBe(resolveDefaultJobOptions(undefined, '', refuse));
    expect(logger).toBeInstanceOf(Logger);
    expect(resolved({ NODE_ENV: 'production' }).migrations).toBe('check');
    expect(() => resolveModuleOptions({}, {})).toThrow(/DATABASE_URL/);
    expect(resolveModuleOptions({}, { PGHOST: 'db.example.com' }).connection).toBeUndefined();
  });

  it('of a worker', () => {
    const { pollInterval, ...others } = literals(WORKER);
    const fromTable = readWorkerOptions(others, '', refuse);
    expect(resolveWorkerOptions()).toEqual(fromTable);
    const runtime = readFileSync(path.join(ROOT, 'lib/runtime/runtime.ts'), 'utf8');
    const [, interval] = /\bPOLL_INTERVAL = ([\d_]+);/.exec(runtime)!;
    const [, unheard] = /\bPOLL_INTERVAL_UNHEARD = ([\d_]+);/.exec(runtime)!;
    expect(parseDuration(pollInterval)).toBe(Number(interval!.replaceAll('_', '')));
    expect(Number(unheard!.replaceAll('_', ''))).toBe(1000);
  });

  it('of a stream consumer', () => {
    const { options } = readStreamConsumer(consumer(literals(CONSUMER)));
    expect(Object.keys(options).length).toBeGreaterThan(5);
    expect(resolveStreamConsumerOptions()).toEqual(options);
    const words = [...documented(CONSUMER)].filter(([, value]) => !value.startsWith('`'));
    expect(words).toEqual([
      ['group', 'none'],
      ['database', 'none'],
    ]);
    expect(() => readStreamConsumer(consumer({ group: undefined }))).toThrow(/group is missing/);
  });

  it('of a stream', () => {
    const { retention, behind } = literals(STREAM);
    expect([parseDuration(retention), behind]).toEqual([DEFAULT_RETENTION, 'keep']);
  });

  it('of a job', () => {
    const words = [...documented(JOB)].filter(([, value]) => !value.startsWith('`'));
    expect(resolveDefaultJobOptions(undefined, '', refuse)).toEqual(literals(JOB));
    expect(Object.fromEntries(words)).toEqual({
      backoff: 'the worker’s'.replace('’', "'"),
      timeout: 'none',
      delay: 'none',
      runAt: 'none',
      uniqueKey: 'none',
      jobId: 'none',
      tx: 'none',
    });
  });
});

type ErrorClass = new (...args: string[]) => library.PgQueueError;

function isError(value: unknown): value is ErrorClass {
  return typeof value === 'function' && value.prototype instanceof library.PgQueueError;
}

describe('the README’s errors', () => {
  const rows = table('README.md', '## Errors').map(([name, errorCode]) => [quoted(name!), quoted(errorCode!)]);

  it('are all that the library exports, with their codes', () => {
    const exported = (Object.values(library) as unknown[]).filter(isError);
    const codes = exported.map((Type) => [Type.name, new Type('some.path', 'a message').code]);
    expect(Object.fromEntries(rows)).toEqual(Object.fromEntries(codes));
  });
});
