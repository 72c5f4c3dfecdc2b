import { type JobSpec, many, type Session, type TestEngine, type TestQueue, type TestWorker } from './engine.js';

const payload = 'x'.repeat(190);

class Explained extends Error {}

/** The buffers that the one statement of a piece of work touches, everything its functions do included. */
export async function buffers({ client }: Session, work: () => Promise<unknown>): Promise<number> {
  const query = client.query.bind(client) as (text: string, values?: unknown[]) => Promise<{ rows: any[] }>;
  let touched = NaN;
  const explain = async (text: string, values?: unknown[]): Promise<never> => {
    const { rows } = await query(`explain (analyze, buffers, format json) ${text}`, values);
    const { Plan: plan } = rows[0]['QUERY PLAN'][0];
    touched = plan['Shared Hit Blocks'] + plan['Shared Read Blocks'];
    throw new Explained();
  };
  Object.assign(client, { query: explain });
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Explained)) throw error;
  } finally {
    Object.assign(client, { query });
  }
  return touched;
}

/** The same of a statement whose effects are undone. */
export async function undone(session: Session, work: () => Promise<unknown>): Promise<number> {
  await session.client.query('begin');
  try {
    return await buffers(session, work);
  } finally {
    await session.client.query('rollback');
  }
}

/** The least of three: transactions of other tests are probed for too, and pages are added. */
export async function least(measure: () => Promise<number>): Promise<number> {
  return Math.min(await measure(), await measure(), await measure());
}

/** One queue with jobs of 190 bytes, and a worker whose plans were made while it was empty. */
export class Bench {
  readonly #engine: TestEngine;
  readonly queue: TestQueue;
  readonly worker: TestWorker;

  constructor(engine: TestEngine, queue: TestQueue, worker: TestWorker) {
    this.#engine = engine;
    this.queue = queue;
    this.worker = worker;
  }

  static async start(engine: TestEngine): Promise<Bench> {
    return new Bench(engine, await engine.queue(), await engine.worker());
  }

  async add(count: number, spec: JobSpec = {}): Promise<void> {
    await this.#engine.main.add(this.queue, ...many(count, { data: payload, ...spec }));
  }

  /** Runs everything that waits. Claims of 2,001 never end with the last job: the cursor lies at the end of its window then. */
  async drain(): Promise<void> {
    for (;;) {
      const { runs } = await this.worker.claim(this.queue, { want: 2001 });
      if (runs.length === 0) return;
      await this.worker.endAll(this.queue, runs);
    }
  }

  async finished(count: number): Promise<void> {
    for (let done = 0; done < count; done += 10_000) {
      await this.add(Math.min(count - done, 10_000));
      await this.drain();
    }
  }

  /** What the shipped claim costs; the least of three, since transactions of other tests are probed for too. */
  async claim(want: number, lanes: number[] | null = null): Promise<number> {
    return least(async () => {
      await this.drain();
      await this.add(want);
      return buffers(this.worker.session, async () => this.worker.claim(this.queue, { want, lanes }));
    });
  }

  /** The same where nothing waits. */
  async idle(lanes: number[] | null = null): Promise<number> {
    await this.drain();
    return least(async () => buffers(this.worker.session, async () => this.worker.claim(this.queue, { lanes })));
  }
}
