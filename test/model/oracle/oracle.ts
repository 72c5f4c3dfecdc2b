import type { Job } from './job.js';
import type { QueueOracle } from './queue.js';
import type { Effect, Snapshot, Transaction } from './transaction.js';

export type KeyRing = 'unique_key' | 'custom_id';

/** The log as it should be: queues, keys, and what of the rings can be seen from outside. */
export class Oracle {
  readonly queues: QueueOracle[];
  /** Which segment takes new rows. */
  readonly current: Record<string, number> = {};
  readonly draining: Record<string, number | null> = {};
  /** How many generations of a key were committed. */
  readonly generations = new Map<string, number>();
  readonly transactions: Transaction[] = [];
  readonly #keyed = new Map<string, Job[]>();
  step = 0;
  /** Rows were moved, or a ring of keys switched: so often. */
  moves = 0;
  leaseReclaims = 0;

  constructor(queues: QueueOracle[]) {
    this.queues = queues;
  }

  static key(ring: KeyRing, queue: QueueOracle, key: string): string {
    return `${ring} ${queue.text} ${key}`;
  }

  remember(job: Job): void {
    job.queue.jobs.set(job.key, job);
    for (const [ring, key] of [
      ['unique_key', job.uniqueKey],
      ['custom_id', job.jobId],
    ] as const) {
      if (key === undefined) continue;
      const full = Oracle.key(ring, job.queue, key);
      this.#keyed.set(full, [...(this.#keyed.get(full) ?? []), job]);
    }
  }

  /** Which job holds a key, as a transaction sees it; without one, as everybody does. */
  holder(ring: KeyRing, queue: QueueOracle, key: string, tx?: Transaction): Job | undefined {
    const full = Oracle.key(ring, queue, key);
    const own = tx?.added.findLast(
      (job) => job.queue === queue && (ring === 'unique_key' ? job.uniqueKey : job.jobId) === key,
    );
    if (own !== undefined) return own;
    const held = tx?.snapshot === undefined ? this.#committed(ring, full) : tx.snapshot.holders.get(full);
    const endedHere = ring === 'unique_key' && tx !== undefined && held?.completedIn === tx;
    return endedHere ? undefined : held;
  }

  #committed(ring: KeyRing, full: string): Job | undefined {
    const holders = (this.#keyed.get(full) ?? []).filter(
      (job) => job.addedIn === undefined && (ring === 'unique_key' ? job.alive : job.state !== 'gone'),
    );
    if (holders.length > 1) throw new Error(`${full} is held by ${holders.map(({ text }) => text).join(' and ')}`);
    return holders[0];
  }

  /** Every key that is held by a committed job. */
  holders(): Map<string, Job> {
    const holders = new Map<string, Job>();
    for (const full of this.#keyed.keys()) {
      const job = this.#committed(full.startsWith('unique_key') ? 'unique_key' : 'custom_id', full);
      if (job !== undefined) holders.set(full, job);
    }
    return holders;
  }

  /** Another open transaction that has taken a key: whoever wants it waits for that. */
  taker(full: string, tx: Transaction | undefined): Transaction | undefined {
    return this.transactions.find((other) => other !== tx && other.has('took', full));
  }

  snapshot(): Snapshot {
    return {
      holders: this.holders(),
      generations: new Map(this.generations),
      specials: new Map(this.queues.map(({ text, specials }) => [text, new Set(specials.keys())])),
      moves: this.moves,
      step: this.step,
      current: { ...this.current },
    };
  }

  /** What becomes of everybody's view when a transaction commits. */
  commit(effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.kind === 'took') this.generations.set(effect.key, (this.generations.get(effect.key) ?? 0) + 1);
      if (effect.kind === 'added') {
        const { job, lane, delayed } = effect;
        job.addedIn = undefined;
        if (delayed) job.queue.delay(job, lane);
        else job.queue.enter(job, lane);
      }
      if (effect.kind === 'completed') this.complete(effect.hand.job, effect.output);
    }
  }

  complete(job: Job, output: string | null): void {
    job.queue.endRun(job, 'c', this.leaseReclaims);
    job.state = 'completed';
    job.output = output;
  }
}
