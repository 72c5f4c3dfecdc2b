import type pg from 'pg';
import type { ActiveJob } from '../../../../lib/index.js';
import type { ChildLedger } from './child-ledger.js';

export interface Run {
  readonly job: ActiveJob;
  readonly ledger: ChildLedger;
  readonly queue: string;
  readonly pool: pg.Pool | undefined;
  readonly tell: (event: string, more?: object) => void;
  /** Of a transactional handler: what its transaction is on. */
  readonly client?: pg.PoolClient;
}

const sleep = async (ms: number): Promise<void> => {
  await new Promise((resolve) => setTimeout(resolve, ms));
};
const reason = (error: unknown): string => (error instanceof Error ? error.name : String(error));

async function begin({ job, ledger, queue, tell }: Run): Promise<string> {
  const id = await ledger.began({
    queue,
    name: job.name,
    key: job.data.k,
    job: job.id,
    attempt: job.attemptsStarted,
  });
  if (job.data.tell === true) tell('began', { key: job.data.k });
  return id;
}

function spin(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

/** What a job may do, by its name. Each writes down that it began and how it ended. */
export const HANDLERS: Record<string, (run: Run) => Promise<unknown>> = {
  async work(run) {
    const id = await begin(run);
    if (run.job.data.ms > 0) await sleep(run.job.data.ms);
    await run.ledger.ended(id, 'done');
    return { pid: process.pid, k: run.job.data.k };
  },

  /** Its effect and its completion in one transaction. */
  async tx(run) {
    const { job, ledger, tell } = run;
    const id = await begin(run);
    const client = await ledger.pool.connect();
    client.on('error', () => undefined);
    let broken: Error | undefined;
    try {
      await client.query('begin');
      await client.query(`insert into ${ledger.schema}.effect (key, pid) values ($1, $2)`, [job.data.k, process.pid]);
      if (job.data.before > 0) await sleep(job.data.before);
      await job.completeIn(client, { pid: process.pid });
      if (job.data.tell === true) tell('completing', { key: job.data.k });
      if (job.data.ms > 0) await sleep(job.data.ms);
      await client.query('commit');
    } catch (error) {
      broken = error as Error;
      await client.query('rollback').catch(() => undefined);
      await ledger.ended(id, `refused: ${reason(error)}`);
      throw error;
    } finally {
      client.release(broken);
    }
    await ledger.ended(id, 'done');
    return null;
  },

  /** Its effect, in the transaction in which it runs; nothing else is written down, for that would be outside of it. */
  async effect({ job, ledger, client, tell }) {
    await client!.query(`insert into ${ledger.schema}.effect (key, pid) values ($1, $2)`, [job.data.k, process.pid]);
    if (job.data.tell === true) tell('began', { key: job.data.k });
    if (job.data.ms > 0) await sleep(job.data.ms);
    return null;
  },

  /** Leaves no trace: for what only counts what the queue itself does. */
  async quick() {
    return null;
  },

  /** Says what it got. */
  async echo(run) {
    const id = await begin(run);
    await run.ledger.ended(id, 'done');
    return { data: run.job.data, polluted: ({} as Record<string, unknown>)['polluted'] ?? null };
  },

  async returns(run) {
    const id = await begin(run);
    await run.ledger.ended(id, 'done');
    const circular: Record<string, unknown> = {};
    circular['self'] = circular;
    const odds: Record<string, unknown> = {
      nul: 'a\0b',
      surrogate: 'a\uD800b',
      bigint: 1n,
      circular,
      infinite: { n: Number.POSITIVE_INFINITY },
      function: () => 1,
      huge: 'x'.repeat(2_000_000),
    };
    return odds[run.job.data.odd];
  },

  /** Takes all clients of the application's own pool. */
  async hogs(run) {
    const id = await begin(run);
    const clients = await Promise.all(Array.from({ length: run.job.data.clients }, () => run.pool!.connect()));
    run.tell('hogging', { key: run.job.data.k });
    await sleep(run.job.data.ms);
    for (const client of clients) client.release();
    await run.ledger.ended(id, 'done');
    return null;
  },

  async exit(run) {
    await begin(run);
    process.exit(1);
  },

  async crash(run) {
    await begin(run);
    process.kill(process.pid, 'SIGKILL');
    await sleep(60_000);
  },

  async throws(run) {
    await run.ledger.ended(await begin(run), 'threw');
    throw new Error('as it should');
  },

  async throwsOdd(run) {
    await run.ledger.ended(await begin(run), 'threw');
    const { odd } = run.job.data;
    const odds: Record<string, unknown> = {
      undefined: undefined,
      null: null,
      string: 'a string',
      frozen: Object.freeze({}),
      proxy: new Proxy(
        {},
        {
          get() {
            throw new Error('a trap');
          },
        },
      ),
      throwingMessage: Object.defineProperty(new Error('x'), 'message', {
        get() {
          throw new Error('a getter');
        },
      }),
    };
    throw odds[odd];
  },

  async nul(run) {
    await run.ledger.ended(await begin(run), 'threw');
    throw new Error('nul \0 and a lone surrogate \uD800');
  },

  async never(run) {
    await begin(run);
    await new Promise(() => setInterval(() => undefined, 1000).unref());
  },

  /** Keeps the event loop for itself. */
  async block(run) {
    const id = await begin(run);
    run.tell('blocking', { key: run.job.data.k });
    await sleep(20);
    spin(run.job.data.ms);
    await run.ledger.ended(id, 'done');
    run.tell('unblocked', { key: run.job.data.k });
    return { pid: process.pid };
  },

  /** Ends when its signal aborts. */
  async aborts(run) {
    const id = await begin(run);
    const { signal } = run.job;
    if (!signal.aborted) {
      await new Promise<void>((resolve) => {
        const alive = setInterval(() => undefined, 1000);
        signal.addEventListener('abort', () => {
          clearInterval(alive);
          resolve();
        });
      });
    }
    await run.ledger.ended(id, `aborted: ${reason(signal.reason)}`);
    throw signal.reason;
  },

  /** Goes on after its signal has aborted, and tries to complete then. */
  async late(run) {
    const { job, ledger, tell } = run;
    const id = await begin(run);
    const { signal } = job;
    if (!signal.aborted) {
      await new Promise<void>((resolve) => {
        const alive = setInterval(() => undefined, 1000);
        signal.addEventListener('abort', () => {
          clearInterval(alive);
          resolve();
        });
      });
    }
    await sleep(job.data.after ?? 0);
    const client = await ledger.pool.connect();
    try {
      await client.query('begin');
      await client.query(`insert into ${ledger.schema}.effect (key, pid) values ($1, $2)`, [job.data.k, process.pid]);
      await job.completeIn(client);
      await client.query('commit');
      await ledger.ended(id, 'done late');
    } catch (error) {
      await client.query('rollback');
      await ledger.ended(id, `refused: ${reason(error)}`);
      tell('refused', { key: job.data.k, name: reason(error) });
    } finally {
      client.release();
    }
    return 'late';
  },

  /** Waits for a while beside the event loop, then tries to complete in a transaction, whatever its signal says. */
  async lateTx(run) {
    const { job, ledger, tell } = run;
    const id = await begin(run);
    await sleep(20);
    if (job.data.spin > 0) spin(job.data.spin);
    if (job.data.ms > 0) await sleep(job.data.ms);
    const client = await ledger.pool.connect();
    try {
      await client.query('begin');
      await client.query(`insert into ${ledger.schema}.effect (key, pid) values ($1, $2)`, [job.data.k, process.pid]);
      await job.completeIn(client);
      await client.query('commit');
      await ledger.ended(id, 'done');
    } catch (error) {
      await client.query('rollback');
      await ledger.ended(id, `refused: ${reason(error)}`);
      tell('refused', { key: job.data.k, name: reason(error) });
      throw error;
    } finally {
      client.release();
    }
    return null;
  },

  /** A promise that nobody waits for is rejected. */
  async strayRejection(run) {
    const id = await begin(run);
    void Promise.reject(new Error('stray rejection'));
    await sleep(50);
    await run.ledger.ended(id, 'done');
    return { pid: process.pid };
  },

  async strayException(run) {
    const id = await begin(run);
    setTimeout(() => {
      throw new Error('stray exception');
    }, 1);
    await sleep(50);
    await run.ledger.ended(id, 'done');
    return { pid: process.pid };
  },
};
