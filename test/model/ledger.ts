/** What was added, handed out and ended in a race, by everybody who took part; and what should not have happened. */
export class Ledger {
  /** Jobs whose transaction has committed. */
  readonly committed = new Set<string>();
  readonly rolledBack = new Set<string>();
  /** How each job has ended for good. */
  readonly ends = new Map<string, string[]>();
  readonly counts: Record<string, number> = {};
  readonly wrong: string[] = [];
  readonly #handedOut = new Set<string>();
  readonly #runs = new Map<string, string>();
  /** Who holds a key or an id: from when his commit was heard of until his end is asked for. */
  readonly #holders = new Map<string, string>();
  readonly #keys = new Map<string, string[]>();
  readonly #released = new Set<string>();

  count(what: string, by = 1): void {
    this.counts[what] = (this.counts[what] ?? 0) + by;
  }

  handOut(key: string, run: number): void {
    const text = `#${key}.${run}`;
    if (this.#handedOut.has(text)) this.wrong.push(`${text} was handed out twice`);
    this.#handedOut.add(text);
  }

  /** A run's end was accepted. */
  endRun(key: string, run: number, how: string): void {
    const text = `#${key}.${run}`;
    const before = this.#runs.get(text);
    if (before !== undefined) this.wrong.push(`${text} has ended as ${before} and as ${how}`);
    this.#runs.set(text, how);
    this.count(how);
  }

  end(key: string, how: string): void {
    this.ends.set(key, [...(this.ends.get(key) ?? []), how]);
  }

  /** A transaction's commit was heard of. `key`: what of the job's is its own: unique key or id. */
  commit(job: string, key: string | undefined): void {
    this.committed.add(job);
    if (key === undefined || this.#released.has(job)) return;
    const holder = this.#holders.get(key);
    if (holder !== undefined) this.wrong.push(`${key} belongs to #${holder} and to #${job} at once`);
    this.#holders.set(key, job);
    this.#keys.set(job, [...(this.#keys.get(job) ?? []), key]);
  }

  /** Said before anything is asked for that may end a job: from now on another may hold what is its own. */
  release(job: string): void {
    this.#released.add(job);
    for (const key of this.#keys.get(job) ?? []) if (this.#holders.get(key) === job) this.#holders.delete(key);
    this.#keys.delete(job);
  }

  verdict(): Record<string, string[]> {
    const ended = [...this.ends];
    return {
      wrong: this.wrong,
      missing: [...this.committed].filter((job) => !this.ends.has(job)),
      endedTwice: ended.filter(([, how]) => how.length > 1).map(([job, how]) => `#${job}: ${how.join(' and ')}`),
      neverCommitted: ended.filter(([job]) => !this.committed.has(job)).map(([job]) => job),
      rolledBack: ended.filter(([job]) => this.rolledBack.has(job)).map(([job]) => job),
    };
  }
}
