import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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

describe('the sample', () => {
  const database = freshDatabase();
  let sample: Child;
  let port: number;
  /** The curl commands it prints, and what was answered to each. */
  let curls: string[];
  let answered: Answer[];

  beforeAll(async () => {
    port = await freePort();
    sample = new Child(MAIN, { env: { DATABASE_URL: database.url, PORT: String(port) } });
    await sample.line(/Ctrl-C stops/);
    curls = sample.lines.filter((line) => line.includes('curl')).map((line) => line.trim());
    // one after the other, as by hand; what they start takes seconds, and runs side by side
    answered = [];
    for (const curl of curls) answered.push(await post(curl));
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

  it('prints three commands, for the address it listens on', () => {
    expect(curls).toHaveLength(3);
    for (const curl of curls) expect(curl).toContain(`http://localhost:${port}/emails`);
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

  it('completes a receipt in the handler’s own transaction', async () => {
    const { reply } = await post(sending(curls[0]!, { to: 'ada@example.com', template: 'receipt' }));
    await sample.line(new RegExp(`${reply.job}: completed$`));
    expect(await show(reply.id)).toMatchObject({ sent_at: expect.any(String), job: { state: 'completed' } });
  });

  it('answers 400 to what add() refuses, and then there is neither a row nor a job', async () => {
    const { reply: before } = await post(curls[0]!);
    const { status, reply } = await post(sending(curls[0]!, { to: 'ada@example.com', delay: 'soon' }));
    expect([status, reply.path]).toEqual([400, 'options.delay']);
    const next = await fetch(`http://localhost:${port}/emails/${Number(before.id) + 1}`);
    expect(next.status).toBe(404);
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

/** The same command with another body. */
function sending(curl: string, email: object): string {
  return curl.replace(/-d '.*'/, `-d '${JSON.stringify(email)}'`);
}
