import { execFileSync } from 'node:child_process';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../support/signals.js';
import { answers, Child, freePort } from './support/child.js';
import { freshDatabase } from './support/fresh-database.js';
import { DOCUMENTS, OF_DRIVERS, request, type Snippet, snippets } from './support/markdown.js';
import { snippetProject, type SnippetProject } from './support/snippet-project.js';

const inDocuments = snippets(
  'ts',
  DOCUMENTS.filter((document) => document !== OF_DRIVERS),
);
const WRONG: Snippet = {
  document: 'wrong.md',
  line: 10,
  where: 'wrong.md:10',
  language: 'ts',
  code: `import { Queue } from 'nestjs-pgqueue';\nawait queue.add('job', null, { delay: 'soon' });\n`,
};

/** The application around what the README says about streams: it places an order for each customer it is told. */
const SHOP: Snippet = {
  document: 'README.md',
  line: 0,
  where: 'the shop',
  language: 'ts',
  code: `// shop.ts
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Pool } from 'pg';
import { OnStreamEvent, PgQueueModule, StreamConsumer, type StreamEvent } from 'nestjs-pgqueue';
import { BillingConsumer } from './billing.consumer.js';
import { OrdersService } from './orders.service.js';
import { ShippingConsumer } from './shipping.consumer.js';

// never done with those of one customer
@StreamConsumer('orders', { group: 'stuck', startFrom: 'start', concurrency: 10 })
class StuckConsumer {
  @OnStreamEvent()
  async handle({ data, key, retryCount }: StreamEvent<{ orderId: string }>): Promise<void> {
    console.log(\`stuck: order \${data.orderId} of \${key}, delivery \${retryCount + 1}\`);
    if (key === process.env.STUCK) await new Promise(() => undefined);
  }
}

const pool = new Pool({ connectionString: process.env.DATABASE_URL });

@Module({
  imports: [PgQueueModule.forRoot({ pool, migrations: 'apply' })],
  providers: [{ provide: Pool, useValue: pool }, OrdersService, BillingConsumer, ShippingConsumer, StuckConsumer],
})
class ShopModule {}

await pool.query(\`create table if not exists orders (id bigint generated always as identity, customer text);
  create table if not exists bills (order_id bigint)\`);
const app = await NestFactory.createApplicationContext(ShopModule);
for (const customer of process.env.CUSTOMERS!.split(' ')) await app.get(OrdersService).place(customer);
console.log('all are placed');
`,
};

/** The application around what the README says about contracts. */
const OFFICE: Snippet = {
  document: 'README.md',
  line: 0,
  where: 'the office',
  language: 'ts',
  code: `// office.ts
import { setTimeout } from 'node:timers/promises';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { InvalidJobError, PgQueueModule, QueueService } from 'nestjs-pgqueue';
import { Pool } from 'pg';
import { Reports } from './reports.contract.js';
import { ReportsModule } from './reports.module.js';
import { ReportsService } from './reports.service.js';

const pool = new Pool({ connectionString: process.env.DATABASE_URL });

@Module({ imports: [ReportsModule, PgQueueModule.forRoot({ pool, migrations: 'apply' })] })
class OfficeModule {}

const app = await NestFactory.createApplicationContext(OfficeModule);
const reports = app.get(ReportsService);
const queue = app.get(QueueService).queue(Reports);
await reports.order('ada', 'soon').catch((error: unknown) => {
  if (!(error instanceof InvalidJobError)) throw error;
  console.log('refused: ' + error.issues.map(({ path }) => path!.map(String).join('.')).join(', '));
});
const monthly = await reports.order('ada@example.com', '2030-02-01');
const yearly = await queue.add('yearly', { email: 'ada@example.com', year: 2030 });
const { rows } = await pool.query("select pgqueue.add('reports', 'monthly', '{}')::text as id");
for (const id of [monthly, yearly.id, rows[0].id]) {
  let job = await queue.getJob(id);
  while (job?.finishedOn === undefined) {
    await setTimeout(20);
    job = await queue.getJob(id);
  }
  const { name, attemptsMade, returnvalue, failedReason } = job;
  console.log([name, attemptsMade, returnvalue ?? failedReason].join(': '));
}
console.log('all have ended');
`,
};

/** The application around what is said of guards and the like: it adds jobs, and says what became of them. */
const GUARDED: Snippet = {
  document: 'README.md',
  line: 0,
  where: 'the guarded office',
  language: 'ts',
  code: `// guarded.ts
import { setTimeout } from 'node:timers/promises';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { PgQueueModule, QueueService } from 'nestjs-pgqueue';
import { ChargesProcessor } from '../../docs-nest/files/charges.processor.js';
import { ReportsProcessor, Tenant } from '../../docs-nest/files/reports.processor.js';
import { InvoicesProcessor } from './invoices.processor.js';

@Module({
  imports: [PgQueueModule.forRoot({ connection: process.env.DATABASE_URL, migrations: 'apply' })],
  providers: [ChargesProcessor, InvoicesProcessor, ReportsProcessor, Tenant],
})
class GuardedModule {}

const app = await NestFactory.createApplicationContext(GuardedModule);
const queues = app.get(QueueService);
for (const [queue, name, data] of [
  ['invoices', 'send', { tenant: 'open', invoice: '007' }],
  ['invoices', 'send', { tenant: 'closed', invoice: '8' }],
  ['charges', 'charge', { optional: true }],
  ['charges', 'charge', { optional: false }],
  ['reports', 'monthly', { tenant: 'a' }],
] as const) {
  const { id } = await queues.add(queue, name, data, { backoff: 0 });
  const found = async () => (await queues.queue(queue).getJob(id))!;
  while (!['completed', 'failed'].includes(await (await found()).getState())) await setTimeout(10);
  const job = await found();
  console.log(\`\${name}: \${await job.getState()} at attempt \${job.attemptsStarted}: \${job.returnvalue ?? job.failedReason}\`);
}
await app.close();
`,
};

let project: SnippetProject;

beforeAll(() => {
  project = snippetProject('snippets', [...inDocuments, WRONG, SHOP, OFFICE, GUARDED]);
  project.emit();
}, 120_000);

describe('TypeScript in the documents', () => {
  it('is there, in every document that shows how to use something', () => {
    const documents = new Set(inDocuments.map(({ document }) => document));
    expect([...documents].toSorted()).toEqual([
      'README.md',
      'docs/contracts.md',
      'docs/guarantees.md',
      'docs/migrating-from-bull.md',
      'docs/nest.md',
      'docs/operating.md',
      'docs/options.md',
      'docs/streams.md',
    ]);
  });

  it.each(inDocuments)('type-checks against the library: $where', (snippet) => {
    expect(project.problemsOf(snippet)).toEqual([]);
  });

  it('that is wrong would be found, with its line', () => {
    expect(project.problemsOf(WRONG)).toMatchObject([{ document: 'wrong.md', line: 11 }]);
    expect(project.problemsOf(WRONG)[0]!.message).toContain('"soon"');
    expect(project.others).toEqual([]);
  });
});

describe('the quick start of the README, as written', () => {
  const database = freshDatabase();
  let app: Child;
  let port: number;

  beforeAll(async () => {
    port = await freePort();
    app = new Child(project.compiled('README.md', 'main.ts'), {
      env: { DATABASE_URL: database.url, PORT: String(port) },
    });
    await app.line(/Nest application successfully started/);
    // Nest says so before it listens
    await until('the quick start to listen', () => answers(port));
  }, 60_000);

  afterAll(async () => {
    await app?.dispose();
  });

  it('answers its curl command, and runs the job', async () => {
    const curl = snippets('sh', ['README.md']).find(({ code }) => code.startsWith('curl'));
    const { url, init } = request(curl!.code, port);
    const response = await fetch(url, init);
    expect(response.status).toBe(201);
    const { job } = (await response.json()) as { job: string };
    const { match } = await app.line(/job (\d+): sending a welcome to (\S+)/);
    expect(match.slice(1)).toEqual([job, 'ada@example.com']);
  });

  it('ends on SIGTERM', async () => {
    app.kill('SIGTERM');
    // Nest sends itself the signal again when it has shut down
    expect(await app.ended).toEqual({ code: null, signal: 'SIGTERM' });
  });

  it('can be loaded by require()', () => {
    const script = `const { PgQueueModule } = require(${JSON.stringify(project.library)}); console.log(typeof PgQueueModule.forRoot)`;
    const said = execFileSync(process.execPath, ['--input-type=commonjs', '-e', script], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    expect(said).toBe('function\n');
  });
});

describe('what the README says of streams, as written', () => {
  const database = freshDatabase();
  const open: Child[] = [];

  const shop = (customers: string, env: NodeJS.ProcessEnv = {}): Child => {
    const child = new Child(project.compiled('README.md', 'shop.ts'), {
      env: { DATABASE_URL: database.url, CUSTOMERS: customers, ...env },
    });
    open.push(child);
    return child;
  };

  afterAll(async () => {
    await Promise.all(open.map((child) => child.dispose()));
  });

  it('delivers each order to both groups; and what a process held that is killed, to another, uncharged', async () => {
    const killed = shop('ada bob ada eve', { STUCK: 'bob' });
    await killed.line(/^shipping: order 1 of ada, delivery 1$/);
    await killed.linesInOrder(/^billing: order 1$/, /^billing: order 2$/, /^billing: order 3$/, /^billing: order 4$/);
    await killed.line(/^shipping: order 4 of eve, delivery 1$/);
    await killed.line(/^stuck: order 2 of bob, delivery 1$/);
    await killed.line(/^all are placed$/);
    const other = shop('kim');
    await other.line(/^all are placed$/);
    killed.kill('SIGKILL');
    await other.line(/^stuck: order 2 of bob, delivery 1$/);
    await until('all to be billed', async () => (await inDatabase('select from bills')).rowCount! >= 5);
    const { rows: bills } = await inDatabase('select order_id::int from bills order by 1');
    expect(bills).toEqual([1, 2, 3, 4, 5].map((order_id) => ({ order_id })));
  }, 60_000);

  const inDatabase = async (statement: string): Promise<pg.QueryResult> => {
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    try {
      return await client.query(statement);
    } finally {
      await client.end();
    }
  };
});

describe('what the README says of contracts, as written', () => {
  const database = freshDatabase();

  it('refuses what does not fit, runs what does, and has what came from elsewhere die of it', async () => {
    const office = new Child(project.compiled('README.md', 'office.ts'), { env: { DATABASE_URL: database.url } });
    try {
      await office.line(/^all have ended$/);
      const said = office.lines.filter((line) => /^(refused|monthly|yearly): /.test(line));
      expect(said).toEqual([
        'refused: email, month',
        'monthly: 0: February, for ada@example.com',
        'yearly: 0: 2030 on 10 pages, for ada@example.com',
        expect.stringMatching(/^monthly: 0: data\.email: .*data\.month: /),
      ]);
    } finally {
      await office.dispose();
    }
  });
});

describe('what the documents say of guards, interceptors, pipes, filters and scopes, as written', () => {
  const database = freshDatabase();

  it('becomes of their jobs', async () => {
    const office = new Child(project.compiled('README.md', 'guarded.ts'), { env: { DATABASE_URL: database.url } });
    try {
      await office.line(/^job \d+, send: sent invoice 7$/);
      await office.line(/^monthly: /);
      expect(await office.ended).toEqual({ code: 0, signal: null });
    } finally {
      await office.dispose();
    }
    expect(office.lines.filter((line) => / at attempt /.test(line))).toEqual([
      'send: completed at attempt 1: sent invoice 7',
      'send: failed at attempt 1: The tenant is closed',
      'charge: completed at attempt 1: not charged',
      'charge: failed at attempt 2: The card was declined',
      'monthly: completed at attempt 1: the report of tenant_a',
    ]);
  }, 60_000);
});
