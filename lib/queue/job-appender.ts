import type { AddedJob, JobDraft, JobEngine } from '../engine/job-engine.interface.js';
import type { SqlExecutor } from '../interfaces/transaction.interface.js';
import { SharedStatements } from '../utils/shared-statements.js';

/**
 * Lets `add()`s that are awaited at the same time share a statement and a commit.
 *
 * - A job with a unique key or an id of its own goes alone: it may have to wait for another transaction.
 */
export class JobAppender {
  readonly #engine: JobEngine;
  readonly #shared: SharedStatements<JobDraft, AddedJob>;

  constructor(engine: JobEngine) {
    this.#engine = engine;
    this.#shared = new SharedStatements({
      write: async (queue, drafts) => engine.add(queue, drafts),
      isRefusal: (error) => engine.isRefusal(error),
    });
  }

  async add(queue: string, draft: JobDraft): Promise<AddedJob> {
    if (draft.options.uniqueKey !== undefined || draft.options.jobId !== undefined) {
      return (await this.#engine.add(queue, [draft]))[0]!;
    }
    return this.#shared.write(queue, draft);
  }

  async addBulk(queue: string, drafts: readonly JobDraft[], executor?: SqlExecutor): Promise<AddedJob[]> {
    return this.#engine.add(queue, drafts, executor);
  }
}
