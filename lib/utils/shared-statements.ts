/** Statements of one name that are under way at once; what comes meanwhile shares the next. */
const STATEMENTS = 2;
/** Drafts that share one statement, at most. */
const SHARED = 1_000;

interface Waiting<Draft, Result> {
  readonly draft: Draft;
  resolve(result: Result): void;
  reject(error: unknown): void;
}

interface Line<Draft, Result> {
  waiting: Waiting<Draft, Result>[];
  underWay: number;
  scheduled: boolean;
}

export interface SharedStatementsOptions<Draft, Result> {
  /** Writes all of them or none; resolves to a result for each, in order. */
  write(name: string, drafts: readonly Draft[]): Promise<readonly Result[]>;
  /** Whether an error is the answer of a server that refused the statement, and so wrote nothing of it. */
  isRefusal(error: unknown): boolean;
}

/**
 * Lets what is written to the same queue or stream at the same time share a statement and a commit.
 *
 * - A lone draft goes at once; while two statements of its name are under way, others gather.
 * - Each resolves when it is durable itself. A statement that the server refuses has written nothing: its drafts are sent
 *   one by one then, so that a bad one fails alone. One that was lost on the way is not sent again.
 */
export class SharedStatements<Draft, Result> {
  readonly #options: SharedStatementsOptions<Draft, Result>;
  readonly #lines = new Map<string, Line<Draft, Result>>();

  constructor(options: SharedStatementsOptions<Draft, Result>) {
    this.#options = options;
  }

  /** @param name of the queue or stream. */
  async write(name: string, draft: Draft): Promise<Result> {
    return new Promise((resolve, reject) => {
      let line = this.#lines.get(name);
      if (line === undefined) this.#lines.set(name, (line = { waiting: [], underWay: 0, scheduled: false }));
      line.waiting.push({ draft, resolve, reject });
      this.#schedule(name, line);
    });
  }

  #schedule(name: string, line: Line<Draft, Result>): void {
    if (line.scheduled || line.underWay >= STATEMENTS) return;
    line.scheduled = true;
    queueMicrotask(() => {
      line.scheduled = false;
      while (line.waiting.length > 0 && line.underWay < STATEMENTS) {
        const batch = line.waiting.splice(0, SHARED);
        line.underWay++;
        void this.#send(name, batch).finally(() => {
          line.underWay--;
          if (line.waiting.length > 0) this.#schedule(name, line);
          else if (line.underWay === 0) this.#lines.delete(name);
        });
      }
    });
  }

  async #send(name: string, batch: readonly Waiting<Draft, Result>[]): Promise<void> {
    try {
      const results = await this.#options.write(
        name,
        batch.map(({ draft }) => draft),
      );
      for (const [i, one] of batch.entries()) one.resolve(results[i]!);
    } catch (error) {
      if (batch.length === 1 || !this.#options.isRefusal(error)) {
        for (const one of batch) one.reject(error);
        return;
      }
      for (const one of batch) await this.#send(name, [one]);
    }
  }
}
