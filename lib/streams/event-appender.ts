import type { EventDraft, StreamEngine } from '../engine/stream-engine.interface.js';
import type { SqlExecutor } from '../interfaces/transaction.interface.js';
import { SharedStatements } from '../utils/shared-statements.js';

/** Lets `publish()`es that are awaited at the same time share a statement and a commit. Resolves to the ids of events. */
export class EventAppender {
  readonly #engine: StreamEngine;
  readonly #shared: SharedStatements<EventDraft, string>;

  constructor(engine: StreamEngine) {
    this.#engine = engine;
    this.#shared = new SharedStatements({
      write: async (stream, drafts) => engine.publish(stream, drafts),
      isRefusal: (error) => engine.isRefusal(error),
    });
  }

  async publish(stream: string, draft: EventDraft): Promise<string> {
    return this.#shared.write(stream, draft);
  }

  /** All of them or none. */
  async publishBulk(stream: string, drafts: readonly EventDraft[], executor?: SqlExecutor): Promise<string[]> {
    return this.#engine.publish(stream, drafts, executor);
  }
}
