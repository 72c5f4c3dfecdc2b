import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../support/signals.js';
import { answers, Child, freePort } from './support/child.js';
import { freshDatabase } from './support/fresh-database.js';
import { request, ROOT } from './support/markdown.js';

const OUT = path.join(ROOT, '.build/tested-sample');
const MAIN = path.join(OUT, 'sample/main.js');

beforeAll(() => {
  rmSync(OUT, { recursive: true, force: true });
  execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'sample', '--outDir', OUT], {
    cwd: ROOT,
    stdio: 'inherit',
  });
}, 120_000);

interface Answer {
  readonly status: number;
  readonly reply: { readonly id: string; readonly job: string; readonly state: string; readonly path?: string };
}

/** What GET /emails/:id says. */
interface Shown {
  readonly recipient: string;
  readonly sent_at: string | null;
  readonly job: {
    readonly state: string;
    readonly timestamp: number;
    readonly processedOn: number;
    readonly attemptsMade: number;
    readonly failedReason: string | null;
    readonly stacktrace: string[];
    readonly returnvalue: unknown;
  };
}

/** What GET /orders/:id says. */
interface ShownOrder {
  readonly billed_at: string | null;
  readonly shipped_at: string | null;
  readonly lag: Readonly<Record<string, number>>;
}

describe('the sample', () => {
  const database = freshDatabase();
  let sample: Child;
  let port: number;
  /** The curl commands it prints, and what was answered to each. */
  let curls: string[];
  let answered: Answer[];
  /** The orders that they place. */
  let first: string;
  let piano: string;
  let behind: string;

  beforeAll(async () => {
    port = await freePort();
    sample = new Child(MAIN, { env: { DATABASE_URL: database.url, PORT: String(port) } });
    await sample.line(/Ctrl-C stops/);
    curls = sample.lines.filter((line) => line.includes('curl')).map((line) => line.trim());
    // one after the other, as by hand; what they start takes seconds, and runs side by side
    answered = [];
    for (const curl of curls.slice(0, 6)) answered.push(await post(curl));
    [first, piano, behind] = answered.slice(3).map(({ reply }) => reply.id) as [string, string, string];
  }, 60_000);

  afterAll(async () => {
    await sample?.dispose();
  });

  const post = async (curl: string): Promise<Answer> => {
    const { url, init } = request(curl, port);
    const response = await fetch(url, init);
    return { status: response.status, reply: (await response.json()) as Answer['reply'] };
  };
  const show = async (id: string): Promise<Shown> =>
    (await (await fetch(`http://localhost:${port}/emails/${id}`)).json()) as Shown;

  const showOrder = async (id: string): Promise<ShownOrder> =>
    (await (await fetch(`http://localhost:${port}/orders/${id}`)).json()) as ShownOrder;

  it('prints three commands for jobs and four for events, for the address it listens on', () => {
    expect(curls).toHaveLength(7);
    for (const [i, curl] of curls.entries()) {
      expect(curl).toContain(`http://localhost:${port}/${i < 3 ? 'emails' : 'orders'}`);
    }
  });

  it('adds a job in the transaction of its own INSERT, and runs it', async () => {
    const { status, reply } = answered[0]!;
    expect(status).toBe(202);
    await sample.linesInOrder(
      new RegExp(`${reply.job}: added in the transaction of its INSERT$`),
      new RegExp(`${reply.job}: started attempt 1 of 4$`),
      new RegExp(`${reply.job}: completed$`),
    );
    expect(await show(reply.id)).toMatchObject({
      recipient: 'ada@example.com',
      sent_at: expect.any(String),
      job: { state: 'completed', returnvalue: { messageId: expect.any(String) } },
    });
  });

  it('runs a delayed one when it is due', async () => {
    const { reply } = answered[1]!;
    expect(reply.state).toBe('delayed');
    await sample.linesInOrder(
      new RegExp(`${reply.job}: added in the transaction of its INSERT, to run in 5s$`),
      new RegExp(`${reply.job}: due after its delay, started attempt 1 of 4$`),
      new RegExp(`${reply.job}: completed$`),
    );
    const { job } = await show(reply.id);
    expect(job.processedOn - job.timestamp).toBeGreaterThanOrEqual(5000);
  });

  it('runs a failing one four times, and then it is dead', async () => {
    const { reply } = answered[2]!;
    const failed = (next: string): RegExp => new RegExp(`${reply.job}: failed \\(.*\\) → again in ${next}$`);
    const started = (attempt: number): RegExp => new RegExp(`${reply.job}: started attempt ${attempt} of 4$`);
    await sample.linesInOrder(
      started(1),
      failed('1s'),
      started(2),
      failed('2s'),
      started(3),
      failed('4s'),
      started(4),
      new RegExp(`${reply.job}: dead after 4 attempts`),
    );
    const { job, sent_at } = await show(reply.id);
    expect({ ...job, sent_at }).toMatchObject({
      sent_at: null,
      state: 'failed',
      attemptsMade: 4,
      failedReason: 'the mail server refuses eve@example.com',
    });
    expect(job.stacktrace).toHaveLength(4);
    expect(await isOfOneTransaction(database.url, reply.id)).toBe(true);
  });

  it('publishes an event in the transaction of its INSERT, and both groups handle it', async () => {
    expect(answered[3]!.status).toBe(202);
    await sample.line(new RegExp(`order ${first}: placed, event \\d+ published in the transaction of its INSERT$`));
    await sample.line(new RegExp(`order ${first}: billed$`));
    await sample.line(new RegExp(`order ${first}: shipped$`));
    expect(await showOrder(first)).toMatchObject({ billed_at: expect.any(String), shipped_at: expect.any(String) });
  });

  it('delivers an event that fails three times, to that group alone, and then it is its dead letter', async () => {
    await sample.line(new RegExp(`order ${piano}: billed$`));
    const failed = (then: string): RegExp => new RegExp(`order ${piano}: not shipped \\(too heavy\\) → ${then}`);
    await sample.linesInOrder(
      failed('again in 1s'),
      failed('again in 1s'),
      failed('a dead letter after 3 deliveries$'),
    );
    expect(sample.lines.filter((line) => line.includes(`order ${piano}: billed`))).toHaveLength(1);
    await until('the dead letter', async () => (await deadOrders(database.url)).length > 0);
    expect(await deadOrders(database.url)).toEqual([{ of: 'orders\u001fshipping', order: piano }]);
    expect(await showOrder(piano)).toMatchObject({ billed_at: expect.any(String), shipped_at: null });
  });

  it('ships the next order of that customer then, and not before; and no group lags', async () => {
    const { at } = await sample.line(new RegExp(`order ${behind}: shipped$`));
    expect(at).toBeGreaterThan(sample.lines.findIndex((line) => line.includes('a dead letter after')));
    await until('nothing to be left', async () =>
      Object.values((await showOrder(behind)).lag).every((events) => events === 0),
    );
    expect((await showOrder(behind)).lag).toEqual({ billing: 0, shipping: 0 });
  });

  it('replays what is a dead letter to its group alone, and then it is shipped', async () => {
    expect(await post(curls[6]!)).toMatchObject({ status: 202, reply: { replayed: 1 } });
    await sample.line(new RegExp(`order ${piano}: shipped$`));
    expect(sample.lines.filter((line) => line.includes(`order ${piano}: billed`))).toHaveLength(1);
    expect(await deadOrders(database.url)).toEqual([]);
    expect(await showOrder(piano)).toMatchObject({ shipped_at: expect.any(String) });
  });

  it('shows the stream to who looks on, from its start and as it goes on', async () => {
    const leave = new AbortController();
    const response = await fetch(`http://localhost:${port}/orders/events`, { signal: leave.signal });
    let seen = '';
    const reading = (async () => {
      for await (const chunk of response.body!) seen += Buffer.from(chunk).toString();
    })().catch(() => undefined);
    await until('the first orders', () => seen.includes(`"orderId":"${behind}"`));
    const { reply } = await post(sending(curls[3]!, { customer: 'bob', item: 'lamp' }));
    await until('the new one', () => seen.includes(`"orderId":"${reply.id}"`));
    expect(seen.match(/"customer":"\w+"/g)).toEqual(['ada', 'eve', 'eve', 'bob'].map((name) => `"customer":"${name}"`));
    leave.abort();
    await reading;
  });

  it('completes a receipt in the handler’s own transaction', async () => {
    const { reply } = await post(sending(curls[0]!, { to: 'ada@example.com', template: 'receipt' }));
    await sample.line(new RegExp(`${reply.job}: completed$`));
    expect(await show(reply.id)).toMatchObject({ sent_at: expect.any(String), job: { state: 'completed' } });
  });

  it('answers 400 to what add() refuses, and then there is neither a row nor a job', async () => {
    const { reply: before } = await post(curls[0]!);
    const refused = [
      await post(sending(curls[0]!, { to: 'ada@example.com', delay: 'soon' })),
      // the queue's contract
      await post(sending(curls[0]!, { to: 'ada@' })),
    ];
    expect(refused.map(({ status, reply }) => [status, reply.path])).toEqual([
      [400, 'options.delay'],
      [400, 'data.to'],
    ]);
    for (const i of [1, 2]) {
      const next = await fetch(`http://localhost:${port}/emails/${Number(before.id) + i}`);
      expect(next.status).toBe(404);
    }
  });

  it('on SIGTERM lets a running job complete, says so, and exits 0', async () => {
    const { reply } = await post(curls[0]!);
    const { at } = await sample.line(new RegExp(`${reply.job}: started attempt 1 of 4$`));
    sample.kill('SIGTERM');
    await sample.linesInOrder(new RegExp(`${reply.job}: completed$`), /^stopped$/);
    expect(await sample.ended).toEqual({ code: 0, signal: null });
    expect(sample.lines.slice(at).filter((line) => /error/i.test(line))).toEqual([]);
  });
});

describe('the sample without a DATABASE_URL', () => {
  it('starts a PostgreSQL, and on Ctrl-C exits 0 and leaves neither', async () => {
    const cwd = mkdtempSync(path.join(tmpdir(), 'sample-'));
    // PostgreSQL may have to run as another user
    chmodSync(cwd, 0o755);
    const sample = new Child(MAIN, { cwd, env: { PORT: String(await freePort()) } });
    let data: string | undefined;
    try {
      const { match } = await sample.line(/using PostgreSQL [\d.]+ on port (\d+), in (.*)$/);
      data = match[2]!;
      const port = Number(match[1]);
      await sample.line(/Ctrl-C stops/);
      expect(await answers(port)).toBe(true);
      sample.killGroup('SIGINT');
      await sample.line(/^stopped$/);
      expect(await sample.ended).toEqual({ code: 0, signal: null });
      expect(await answers(port)).toBe(false);
    } finally {
      await sample.dispose();
      if (data !== undefined) rmSync(path.dirname(data), { recursive: true, force: true });
      rmSync(cwd, { recursive: true, force: true });
    }
  }, 60_000);

  it('when it is stopped while it starts, exits 0 as well', async () => {
    const cwd = mkdtempSync(path.join(tmpdir(), 'sample-'));
    chmodSync(cwd, 0o755);
    const sample = new Child(MAIN, { cwd, env: { PORT: String(await freePort()) } });
    let data: string | undefined;
    try {
      const { match } = await sample.line(/using PostgreSQL [\d.]+ on port (\d+), in (.*)$/);
      data = match[2]!;
      sample.killGroup('SIGINT');
      expect(await sample.ended).toEqual({ code: 0, signal: null });
      expect(await answers(Number(match[1]))).toBe(false);
    } finally {
      await sample.dispose();
      if (data !== undefined) rmSync(path.dirname(data), { recursive: true, force: true });
      rmSync(cwd, { recursive: true, force: true });
    }
  }, 60_000);
});

/** Whether an email's row, which nobody has updated, and its job were written by one transaction. */
async function isOfOneTransaction(connectionString: string, emailId: string): Promise<boolean> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  const { rows } = await client.query<{ same: boolean }>(
    `select e.txid::text::bigint % (1::bigint << 32) = m.xmin::text::bigint as same
       from emails m join pgqueue.entry e on e.payload::jsonb ->> 'emailId' = m.id::text and e.run = 1 where m.id = $1`,
    [emailId],
  );
  await client.end();
  return rows.length === 1 && rows[0]!.same;
}

/** The orders whose events are dead letters, and of which group. */
async function deadOrders(connectionString: string): Promise<object[]> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  const { rows } = await client.query<object>(
    `select q.name as of, d.payload::jsonb ->> 'orderId' as order
       from pgqueue.dead d join pgqueue.queue q using (queue_id) where q.kind = 'g'`,
  );
  await client.end();
  return rows;
}

/** The same command with another body. */
function sending(curl: string, body: object): string {
  return curl.replace(/-d '.*'/, `-d '${JSON.stringify(body)}'`);
}
