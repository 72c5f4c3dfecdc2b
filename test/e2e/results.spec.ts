import { expect, it } from 'vitest';
import { RecordingLogger } from '../support/application.js';
import { testDatabase } from '../support/database.js';
import { ended, newQueue, processor, testApplications } from '../support/running.js';

const database = testDatabase();
const start = testApplications(database);

it.each<unknown>([
  'text',
  '',
  0,
  -1.5,
  true,
  false,
  [],
  [1, [null]],
  {},
  { a: { b: ['ü', '😀', '"', '\\u0000', ';'] } },
  '\u001e',
])('a handler’s %j is the job’s return value', async (value) => {
  const name = newQueue();
  const queue = (await start({ providers: [processor(name, () => value)] })).queue(name);
  expect((await ended(queue, await queue.add('job', null))).returnvalue).toEqual(value);
});

it('undefined and null are null', async () => {
  const name = newQueue();
  const queue = (await start({ providers: [processor(name, (job) => (job.data ? null : undefined))] })).queue(name);
  for (const data of [true, false]) {
    const job = await ended(queue, await queue.add('job', data));
    expect([job.returnvalue, await job.getState()]).toEqual([null, 'completed']);
  }
});

it('of jobs that end together, each has its own result', async () => {
  const name = newQueue();
  const queue = (await start({ providers: [processor(name, (job) => ({ for: job.data }))] })).queue(name);
  const added = await queue.addBulk(Array.from({ length: 300 }, (_, i) => ({ name: 'job', data: i })));
  const results = await Promise.all(added.map(async (job) => (await ended(queue, job)).returnvalue.for));
  expect(results).toEqual(added.map((_, i) => i));
});

const circular: Record<string, unknown> = {};
circular['self'] = circular;

it.each<[string, unknown]>([
  ['a circular object', circular],
  ['a BigInt', { n: 1n }],
  ['a NUL character', 'a\0b'],
  ['a lone surrogate', '\uD800'],
  ['a function', () => 1],
  ['a Map', new Map([[1, 2]])],
  ['NaN', { n: Number.NaN }],
  ['2 MB', 'x'.repeat(2_000_000)],
  [
    'a toJSON() that throws',
    {
      toJSON() {
        throw new Error('toJSON');
      },
    },
  ],
])(
  'a result that cannot be stored (%s): the job completes without it, is not run again, and harms no neighbour',
  async (_, value) => {
    const name = newQueue();
    const logger = new RecordingLogger();
    let runs = 0;
    const handler = processor(name, (job) => {
      runs++;
      return job.name === 'bad' ? value : job.name;
    });
    const queue = (await start({ providers: [handler], options: { logger } })).queue(name);
    const added = await queue.addBulk(['one', 'bad', 'two'].map((which) => ({ name: which, data: null })));
    const [one, bad, two] = await Promise.all(added.map((job) => ended(queue, job)));
    expect([one!.returnvalue, bad!.returnvalue, two!.returnvalue]).toEqual(['one', null, 'two']);
    expect(await bad!.getState()).toBe('completed');
    expect(runs).toBe(3);
    const said = logger.texts('error');
    expect(said).toHaveLength(1);
    expect(said[0]).toContain(`job ${bad!.id}`);
  },
);

/* oxlint-disable unicorn/no-thenable */
it('a thenable is awaited; one whose then throws, or cannot be read, fails the attempt', async () => {
  const name = newQueue();
  const handler = processor(name, (job) =>
    job.name === 'good'
      ? { then: (resolve: (value: string) => void) => resolve('from a thenable') }
      : job.name === 'throws'
        ? { then: () => raise('then threw') }
        : Object.defineProperty({}, 'then', { get: () => raise('then threw') }),
  );
  const queue = (await start({ providers: [handler] })).queue(name);
  expect((await ended(queue, await queue.add('good', null))).returnvalue).toBe('from a thenable');
  for (const which of ['throws', 'unreadable']) {
    expect((await ended(queue, await queue.add(which, null, { attempts: 1 }))).failedReason).toBe('then threw');
  }
});

function raise(message: string): never {
  throw new Error(message);
}
