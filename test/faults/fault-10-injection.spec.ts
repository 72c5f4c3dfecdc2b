import { describe, expect, it } from 'vitest';
import { PgQueueModule, QueueService } from '../../lib/index.js';
import { schemaNames } from '../../lib/engine/postgres/schema-names.js';
import { startApplication } from '../support/application.js';
import { ended, processor } from '../support/running.js';
import { faultTest } from './support/fault-test.js';
import { scaled } from './support/setting.js';

const fault = faultTest(10, 'SQL injection');
const { report, random } = fault;

const PIECES = [
  `'; drop table canary; --`,
  `"; drop table canary; --`,
  `$$; drop table canary; $$`,
  `$fn$; drop table canary; $fn$`,
  `\\'; drop table canary; --`,
  `%s%I%L`,
  `$1`,
  `{"a":1}`,
  `a,b`,
  `{1,2}`,
  `:l`,
  `/* */`,
  ` `,
  `\n`,
  `é😀`,
  `'`,
  `"`,
  `\\`,
  `;`,
  `--`,
  `null`,
  `\u001e`,
  `a`,
];

const nasty = (): string => Array.from({ length: random.between(1, 3) }, () => random.of(PIECES)).join('');
const typed = /^(Invalid\w+Error)$/;

async function refusedOr<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (!typed.test((error as Error).name)) throw error;
    return undefined;
  }
}

describe('names and data that are SQL', () => {
  it('are names and data, or are refused', async () => {
    const { client } = fault.database;
    await client.query('create table canary (x int); insert into canary values (1)');
    fault.afterwards(() => client.query('drop table canary'));
    const service = await fault.producer();
    const tries = scaled(600, 150);
    let refused = 0;
    for (let i = 0; i < tries; i++) {
      const queue = await refusedOr((async () => service.queue(nasty()))());
      if (queue === undefined) {
        refused++;
        continue;
      }
      const job = await refusedOr(
        queue.add(nasty(), nasty(), {
          uniqueKey: random.of([undefined, nasty()]),
          jobId: random.of([undefined, `${nasty()}${i}`]),
        }),
      );
      if (job === undefined) {
        refused++;
        continue;
      }
      expect((await queue.getJob(job.id))?.data).toBe(job.data);
      await refusedOr(queue.getJob(nasty()));
      await refusedOr(queue.remove(nasty()));
      await refusedOr(queue.getJobs(nasty() as 'waiting'));
      await refusedOr(queue.retryJobs({ ids: [nasty()] }));
      await refusedOr(queue.clean(nasty() as never, nasty() as never));
      await refusedOr(job.cancel(nasty()));
    }
    report.injected('names, keys, ids and arguments that are SQL', tries);
    report.note(`${refused} refused with a typed error`);
    expect((await client.query('select x from canary')).rows).toEqual([{ x: 1 }]);
  });

  it('in the name of the schema: an application works there, on a channel of its own', async () => {
    const { client } = fault.database;
    await client.query('create table canary (x int); insert into canary values (1)');
    fault.afterwards(() => client.query('drop table canary'));
    const names = [
      `a"; drop table canary; --`,
      `it's %s %I $1`,
      `a$fn$; drop table canary; --`,
      `x${'y'.repeat(62)}`,
      'é'.repeat(20),
      'Select',
    ];
    for (const schema of scaled(names, names.slice(0, 4))) {
      const application = async () =>
        startApplication(fault.database, {
          providers: [processor('injected', (job) => job.data)],
          options: { schema },
        });
      const app = await refusedOr(application());
      report.injected('schemas with such names');
      if (app === undefined) continue;
      const quoted = `"${schema.replaceAll('"', '""')}"`;
      fault.afterwards(() => client.query(`drop schema ${quoted} cascade`));
      const queue = app.get(QueueService).queue('injected');
      expect((await ended(queue, await queue.add('job', schema))).returnvalue).toBe(schema);
      report.jobs(1);
      await app.close();
      // and what it prints for a migration by hand is the same SQL
      expect(PgQueueModule.migrationSql({ schema })).toContain(schemaNames(schema).schema);
    }
    expect((await client.query('select x from canary')).rows).toEqual([{ x: 1 }]);
  });
});
