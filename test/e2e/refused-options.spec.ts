import { afterEach, describe, expect, it, vi } from 'vitest';
import { InvalidOptionsError, PgQueueModule } from '../../lib/index.js';
import { testDatabase } from '../support/database.js';
import { refusals } from '../support/refusal.js';
import { processor } from '../support/running.js';

const database = testDatabase({ migrated: true });
const refusalOf = refusals(database);

afterEach(() => {
  vi.unstubAllEnvs();
});

describe('an application does not start with an option', () => {
  it.each<[string, object, string, RegExp]>([
    ['that is unknown', { conection: 'x' }, 'conection', /'connection'/],
    ['that is a string where a boolean belongs', { processing: 'false' }, 'processing', /'false' \(string\)/],
    ['of the worker that is unknown', { worker: { concurency: 5 } }, 'worker.concurency', /'concurrency'/],
    ['of the worker that is out of range', { worker: { concurrency: 0 } }, 'worker.concurrency', /0/],
    [
      'of a queue’s processors that is mistyped',
      { processors: { email: { pollInterval: '5 s' } } },
      'processors.email.pollInterval',
      /'5 s'/,
    ],
    [
      'of a stream that is mistyped',
      { streams: { orders: { behind: { dropAfter: '30 days' } } } },
      'streams.orders.behind.dropAfter',
      /'30 days'/,
    ],
    ['for jobs that is mistyped', { defaultJobOptions: { attempts: '4' } }, 'defaultJobOptions.attempts', /'4'/],
    ['migrations that is no mode', { migrations: true }, 'migrations', /'apply' or 'check' or 'off'/],
    ['schema that PostgreSQL keeps for itself', { schema: 'pg_jobs' }, 'schema', /'pg_jobs'/],
    ['pool that is no pool', { pool: {}, connection: undefined }, 'pool', /Pool/],
    ['connectTimeout that is negative', { connectTimeout: -1 }, 'connectTimeout', /-1/],
    ['logger that is no logger', { logger: true }, 'logger', /true/],
    ['listen that is true', { listen: true }, 'listen', /true/],
  ])('%s', async (_, options, path, says) => {
    const error = await refusalOf(options);
    expect(error).toBeInstanceOf(InvalidOptionsError);
    expect(error).toMatchObject({ path, code: 'PGQUEUE_INVALID_OPTIONS' });
    expect(error.message).toContain(`PgQueueModule.forRoot(): ${path}`);
    expect(error.message).toMatch(says);
  });

  it('missing that says where the database is', async () => {
    for (const name of ['DATABASE_URL', 'PGHOST', 'PGDATABASE', 'PGUSER']) vi.stubEnv(name, undefined);
    const error = await refusalOf({ connection: undefined });
    expect(error).toBeInstanceOf(InvalidOptionsError);
    expect(error.message).toMatch(/connection is missing.*DATABASE_URL/);
  });

  it('of @Processor() or @Process() that cannot be used', async () => {
    const worker = processor('q', () => 1, { concurrency: -1 });
    expect((await refusalOf({}, { providers: [worker] })).message).toMatch(
      /TestProcessor: @Processor\(\): concurrency .*-1/,
    );
    const timeout = processor('q', () => 1, {}, { name: 'a', timeout: 'soon' as never });
    expect((await refusalOf({}, { providers: [timeout] })).message).toMatch(
      /TestProcessor\.handle: @Process\(\): timeout .*'soon'/,
    );
  });
});

it('an application does not start with a second forRoot()', async () => {
  const error = await refusalOf(
    {},
    {
      imports: (application_name) => [
        PgQueueModule.forRoot({ connection: { connectionString: database.url, application_name } }),
      ],
    },
  );
  expect(error).toBeInstanceOf(InvalidOptionsError);
  expect(error.message).toMatch(/forRoot\(\) is imported more than once.*import it once/);
});
