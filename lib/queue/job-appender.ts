import type { AddedJob, JobDraft, JobEngine } from '../engine/job-engine.interface.js';
import type { SqlExecutor } from '../interfaces/transaction.interface.js';

/** Statements of one queue that are under way at once; what is added meanwhile shares the next. */
const STATEMENTS = 2;
/** Jobs that share one statement, at most. */
const SHARED = 1_000;

interface Waiting {
  readonly draft: JobDraft;
  resolve(added: AddedJob): void;
  reject(error: unknown): void;
}

interface Line {
  waiting: Waiting[];
  underWay: number;
  scheduled: boolean;
}

/**
 * Lets `add()`s that are awaited at the same time share a statement and a commit.
 *
 * - A lone one goes at once; while two statements of its queue are under way, others gather.
 * - Each resolves when its own job is durable. A statement that the server refuses has written nothing: its jobs are
 *   sent one by one then, so that a bad one fails alone. One that was lost on the way is not sent again.
 * - A job with a unique key or an id of its own goes alone: it may have to wait for another transaction.
 */
export class JobAppender {
  readonly #engine: JobEngine;
  readonly #lines = new Map<string, Line>();

  constructor(engine: JobEngine) {
    this.#engine = engine;
  }

  async add(queue: string, draft: JobDraft): Promise<AddedJob> {
    if (draft.options.uniqueKey !== undefined || draft.options.jobId !== undefined) {
      return (await this.#engine.add(queue, [draft]))[0]!;
    }
    return new Promise((resolve, reject) => {
      let line = this.#lines.get(queue);
      if (line === undefined) this.#lines.set(queue, (line = { waiting: [], underWay: 0, scheduled: false }));
      line.waiting.push({ draft, resolve, reject });
      this.#schedule(queue, line);
    });
  }

  async addBulk(queue: string, drafts: readonly JobDraft[], executor?: SqlExecutor): Promise<AddedJob[]> {
    return this.#engine.add(queue, drafts, executor);
  }

  #schedule(queue: string, line: Line): void {
    if (line.scheduled || line.underWay >= STATEMENTS) return;
    line.scheduled = true;
    queueMicrotask(() => {
      line.scheduled = false;
      while (line.waiting.length > 0 && line.underWay < STATEMENTS) {
        const batch = line.waiting.splice(0, SHARED);
        line.underWay++;
        void this.#send(queue, batch).finally(() => {
          line.underWay--;
          if (line.waiting.length > 0) this.#schedule(queue, line);
          else if (line.underWay === 0) this.#lines.delete(queue);
        });
      }
    });
  }

  async #send(queue: string, batch: readonly Waiting[]): Promise<void> {
    try {
      const added = await this.#engine.add(
        queue,
        batch.map(({ draft }) => draft),
      );
      for (const [i, one] of batch.entries()) one.resolve(added[i]!);
    } catch (error) {
      if (batch.length === 1 || !this.#engine.isRefusal(error)) {
        for (const one of batch) one.reject(error);
        return;
      }
      for (const one of batch) await this.#send(queue, [one]);
    }
  }
}
